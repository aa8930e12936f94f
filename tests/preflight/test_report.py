"""What the owner of a platform should know before the upgrade, though nothing is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from adoption.test_refusals import FAULTS

from fixtures.clusters import SUPERUSER
from fixtures.databases import Database
from fixtures.existing_platform import FURTHER_TABLES, run
from mivaa_schema import preflight
from mivaa_schema.preflight import Finding

FOLDER = Path(preflight.__file__).parent
CHECKS = sorted([*FOLDER.glob("errors/*.sql"), *FOLDER.glob("warnings/*.sql")])

AS_FOUND = {
    "missing_table": ("public.pdf_documents", "missing"),
    "missing_column": ("public.workspace_members.status", "missing"),
    "processing_status": ("public.documents.status", "missing, beside processing_status"),
    "key_action": (
        "constraint document_chunks_document_id_fkey of public.document_chunks",
        "FOREIGN KEY (document_id) REFERENCES documents(id)",
    ),
    "check_values": (
        "constraint workspace_members_role_check of public.workspace_members",
        "CHECK (((role)::text = ANY",
    ),
    "without_workspace": ("public.documents.workspace_id", "null in 1 row(s)"),
    "policy": (
        'policy "Everything is open" on public.documents',
        "permissive, for all to public using (true) with check (true)",
    ),
    "other_role": ("public.documents", "open to role analyst: SELECT"),
    "limited_text": ("public.workspaces.name", "character varying(200)"),
    "update_trigger": (
        "trigger update_document_chunks_updated_at on public.document_chunks",
        "CREATE TRIGGER",
    ),
}
"""What the existing platform shows as it is: check, object, how what was found begins."""

PLANTED = {
    "id_default": (
        "alter table public.documents alter column id drop default",
        "public.documents.id",
        "without a default",
    ),
    "key_elsewhere": (
        (
            "create table public.profiles (id uuid primary key); alter table public.documents"
            " add column user_id uuid constraint documents_user_id_fkey references public.profiles"
        ),
        "constraint documents_user_id_fkey of public.documents",
        "FOREIGN KEY (user_id) REFERENCES profiles(id)",
    ),
    "key_set_null": (
        (
            "alter table public.workspaces add column created_by uuid not null"
            " default '00000000-0000-0000-0000-000000000000'"
        ),
        "public.workspaces.created_by",
        "NOT NULL",
    ),
    "unknown_value": (
        (
            "alter table public.workspace_members drop constraint workspace_members_role_check;"
            " update public.workspace_members set role = 'superhero' where role = 'member'"
        ),
        "public.workspace_members.role",
        "'superhero' in 1 row(s)",
    ),
    "orphan": (
        (
            "alter table public.document_chunks drop constraint document_chunks_document_id_fkey;"
            " insert into public.document_chunks (document_id, chunk_index, content)"
            " select gen_random_uuid(), n, '' from generate_series(1, 3) n"
        ),
        "public.document_chunks.document_id",
        "without a referenced row in 3 row(s)",
    ),
    "chunk_workspace": (
        (
            "alter table public.document_chunks add column workspace_id uuid;"
            " update public.document_chunks set workspace_id = (select id from public.workspaces"
            " where name = 'A') where chunk_index = 1"
        ),
        "public.document_chunks.workspace_id",
        "another than that of the document in 5 row(s)",
    ),
    "several_memberships": (
        (
            "insert into public.workspace_members (user_id, workspace_id) select m.user_id, w.id"
            " from public.workspace_members m, public.workspaces w"
            " where m.role = 'viewer' and w.name = 'B'"
        ),
        "public.workspace_members",
        "holding several memberships for each of 1 user(s)",
    ),
    "zero_vector": (
        (
            "update public.documents set embedding = array_fill(0::real, array[1536])::vector"
            " where workspace_id is null"
        ),
        "public.documents.embedding",
        "zero in 1 row(s)",
    ),
    "duplicate_chunk": (
        (
            "alter table public.document_chunks"
            " drop constraint document_chunks_document_id_chunk_index_key;"
            " insert into public.document_chunks (document_id, chunk_index, content)"
            " select document_id, chunk_index, content from public.document_chunks"
            " where chunk_index <= 2"
        ),
        "public.document_chunks",
        "holding several chunks with the same index in 22 case(s)",
    ),
    "schema_creators": (
        "grant create on schema public to dashboard_user",
        "schema public",
        "open for role dashboard_user to create in",
    ),
    "broken_index": (
        (
            "update pg_index set indisvalid = false"
            " where indexrelid = 'public.idx_documents_workspace_created'::regclass"
        ),
        "public.idx_documents_workspace_created",
        "INVALID",
    ),
}
"""What is planted first: SQL, object, how what was found begins."""


ROLE = """
do $$ begin create role dashboard_user; exception when duplicate_object then end $$
"""


def findings(database: Database, check: str, **kwargs: bool) -> list[Finding]:
    with database.owner() as connection:
        return [f for f in preflight.report(connection, **kwargs) if f.check == check]


def assert_found(found: list[Finding], object_: str, begins: str) -> None:
    assert any(f.object == object_ and f.found.startswith(begins) for f in found), found
    assert all(f.remedy and f.expected and f.severity == "warning" for f in found)


@pytest.mark.parametrize("check", AS_FOUND)
def test_it_is_reported_of_the_platform(existing_database: Database, check: str) -> None:
    assert_found(findings(existing_database, check), *AS_FOUND[check])


@pytest.mark.parametrize("check", PLANTED)
def test_it_is_reported_once_it_is_there(existing_database: Database, check: str) -> None:
    sql, object_, begins = PLANTED[check]
    with existing_database.superuser() as connection:
        connection.exec_driver_sql(ROLE)
    assert findings(existing_database, check) == []
    run(existing_database, sql, superuser=check in ("broken_index", "schema_creators"))
    assert_found(findings(existing_database, check), object_, begins)


USER_ROLES = {
    "alter role anon bypassrls": ("role anon", "with BYPASSRLS"),
    "alter role authenticated superuser": ("role authenticated", "with SUPERUSER"),
    "grant service_role to anon": ("role anon", "a member of service_role"),
    "create role middle; grant service_role to middle; grant middle to authenticated": (
        "role authenticated",
        "a member of middle",
    ),
}


@pytest.mark.parametrize("sql", USER_ROLES)
def test_a_role_of_users_that_no_policy_binds_is_reported(
    existing_database: Database, sql: str
) -> None:
    """In a transaction that is rolled back: roles are those of every database of the server."""
    assert findings(existing_database, "user_role") == []
    with existing_database.engine(SUPERUSER).connect() as connection:
        connection.exec_driver_sql(sql)
        found = [f for f in preflight.report(connection) if f.check == "user_role"]
        assert_found(found, *USER_ROLES[sql])
        for one in found:
            connection.exec_driver_sql(one.remedy.rpartition(": ")[2])
        assert [f for f in preflight.report(connection) if f.check == "user_role"] == []
        connection.rollback()


def test_roles_that_see_everything_and_default_privileges_are_reported(
    existing_database: Database,
) -> None:
    role = "do $$ begin create role backup bypassrls; exception when duplicate_object then end $$"
    run(existing_database, role, superuser=True)
    run(
        existing_database,
        "grant select on public.documents to backup;"
        "alter default privileges in schema public grant truncate on tables to analyst",
    )
    found = findings(existing_database, "other_role")
    assert_found(found, "public.documents", "open to role backup: SELECT")
    assert any("BYPASSRLS and sees all workspaces" in f.remedy for f in found)
    assert_found(found, "every new table", "going to be open to role analyst: TRUNCATE")


def test_every_check_has_a_case() -> None:
    elsewhere = {"invalid_index", "membership_write", "uncompared_index"}
    elsewhere |= {"constraint_name", "duplicate_rows", "user_role"}
    cases = {fault.check for fault in FAULTS.values()} | AS_FOUND.keys() | PLANTED.keys()
    assert cases | elsewhere == {path.stem for path in CHECKS}


@pytest.mark.parametrize("path", CHECKS, ids=lambda path: path.stem)
def test_every_check_says_what_it_looks_for(path: Path) -> None:
    text = path.read_text()
    assert re.match(r"-- [A-Z].*[.:].*\n(-- (needs|for each of): .+\n)*select ", text)
    assert ";" not in text.splitlines()[-1], "a check is a query inside of another"


def test_nothing_is_reported_of_our_own_work(head_database: Database) -> None:
    with head_database.owner() as connection:
        assert preflight.report(connection) == []


def test_the_mapping_that_is_printed_runs(existing_database: Database) -> None:
    run(existing_database, FURTHER_TABLES)
    mappings = findings(existing_database, "processing_status")
    assert {f.object for f in mappings} == {
        "public.documents.status",
        "public.pdf_documents.status",
    }
    existing_database.upgrade()
    for mapping in mappings:
        run(existing_database, mapping.remedy.partition("if it suits you: ")[2])


def test_every_way_to_write_a_membership_is_named(existing_database: Database) -> None:
    ways = {(f.object, f.found) for f in findings(existing_database, "membership_write")}
    # Row-level security of workspaces is off, and all is granted.
    for command in ("insert", "update", "delete", "truncate"):
        assert (
            "public.workspaces",
            f"open to {command} by authenticated: no policy prevents it",
        ) in ways
    assert ("public.workspaces", "open to insert by anon: no policy prevents it") not in ways
    members = {found for object_, found in ways if object_ == "public.workspace_members"}
    assert members == {
        'open to insert by authenticated: policies "Users join"',
        "open to truncate by authenticated: no policy prevents it",
        "open to truncate by anon: no policy prevents it",
    }


def test_a_privilege_on_one_column_is_a_way_too(existing_database: Database) -> None:
    run(
        existing_database,
        "revoke all on public.workspaces from authenticated, anon;"
        "grant update (name) on public.workspaces to authenticated",
    )
    ways = findings(existing_database, "membership_write")
    workspaces = [f.found for f in ways if f.object == "public.workspaces"]
    assert workspaces == ["open to update by authenticated: no policy prevents it"]


def test_no_way_is_left_after_an_upgrade_that_locks(existing_database: Database) -> None:
    ways = findings(existing_database, "membership_write", lock_members=True)
    assert {f.remedy for f in ways} == {"Nothing to do: the upgrade closes it."}
    existing_database.upgrade("head", lock_members="yes")
    assert findings(existing_database, "membership_write") == []


def test_an_orphan_stays_findable_by_the_sql_that_is_printed(existing_database: Database) -> None:
    run(existing_database, PLANTED["orphan"][0])
    (finding,) = findings(existing_database, "orphan")
    with existing_database.owner() as connection:
        found = connection.exec_driver_sql(finding.remedy.partition(": ")[2]).all()
    assert len(found) == 3
