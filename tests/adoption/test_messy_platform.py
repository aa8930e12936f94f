"""A platform with faults is adopted, and restored by a downgrade; or refused, unchanged."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from alembic.util import CommandError
from click.testing import CliRunner, Result
from history.test_round_trips import REVISIONS, assert_same
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from fixtures.asking import TABLES as OWNER_OF_TABLES
from fixtures.asking import Asker, ask, refusal, rolled_back
from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.existing_platform import checksums, columns_of, run, scalar
from fixtures.messy_platform import (
    CHUNKS,
    MESSES,
    OBSTACLES,
    MessyPlatform,
    Obstacle,
    P,
    mess_up,
    seen,
)
from fixtures.people import ROLES, as_user, insert, named
from mivaa_schema import history, preflight
from mivaa_schema.cli import main

QUERY = "(select array_agg(sin(i)) from generate_series(1, 768) i)::vector(768)"
LEGACY_QUERY = "(select embedding from public.documents where id = '{}')"

Rows = dict[str, tuple[int, str]]


def look(database: Database, *options: str) -> Result:
    return CliRunner().invoke(main, ["preflight", "--url", database.url(), *options])


def assert_preflight_names(database: Database, names: Sequence[str]) -> None:
    """In words and as JSON, without a change of schema or rows, and without an error."""
    before, rows = database.dump(), checksums(database, columns_of(database))
    said, found = look(database), look(database, "--json")
    assert (said.exit_code, found.exit_code) == (0, 0), said.output
    findings = json.loads(found.stdout)
    assert seen(names, "reported") <= {(f["check"], f["object"]) for f in findings}
    assert {f["severity"] for f in findings} <= {"warning"}
    for finding in findings:
        assert f"{finding['object']} is {finding['found']}" in said.stdout
    assert_same(before, database.dump(), "preflight")
    assert checksums(database, columns_of(database)) == rows


def assert_refused(database: Database, obstacles: Sequence[Obstacle]) -> None:
    """With all of them in one list, and nothing changed."""
    before, columns = database.dump(), columns_of(database)
    rows = checksums(database, columns)
    said, found = look(database), look(database, "--json")
    assert (said.exit_code, found.exit_code) == (1, 1)
    refused = [f for f in json.loads(found.stdout) if f["severity"] == "error"]
    wanted = sorted((one.check, one.object) for one in obstacles)
    assert sorted((f["check"], f["object"]) for f in refused) == wanted
    with pytest.raises(CommandError, match=f" Errors: {len(obstacles)}.\n") as caught:
        database.upgrade()
    for finding in refused:
        assert f"{finding['object']} is {finding['found']}" in str(caught.value)
        assert f"error    {finding['object']} is {finding['found']}" in said.stdout
    assert_same(before, database.dump(), "a refusal")
    assert checksums(database, columns) == rows


def assert_adopted_and_given_back(database: Database, names: Sequence[str]) -> None:
    """Upgrade with every row as it was, use it, and downgrade to the dump and rows from before."""
    before, columns = database.dump(), columns_of(database)
    rows = checksums(database, columns)
    database.upgrade()
    assert scalar(database, "select version_num from mivaa.alembic_version") == REVISIONS[-1]
    assert scalar(database, "select count(*) from pg_index where not indisvalid") == 0
    assert checksums(database, columns) == rows
    assert_workspaces_are_apart(database)
    assert_roles_are_kept(database)
    with rolled_back(database) as connection:
        assert_search_answers(connection, by_legacy="embedding" in columns["documents"])
        assert_validation_answers(connection, names)
    assert checksums(database, columns) == rows, "what was rolled back has left a trace"
    database.downgrade()
    assert_same(before, database.dump(), "downgrade to base")
    assert columns_of(database) == columns
    assert checksums(database, columns) == rows


def ids_in(database: Database, table: str, workspace: object) -> set[Any]:
    asked = f"select array_agg(id) from public.{table} where workspace_id = '{workspace}'"
    found: Any = scalar(database, asked)
    return set(found or [])


def assert_workspaces_are_apart(database: Database) -> None:
    for name, workspace in (("viewer", P.a), ("editor", P.a), ("owner_of_b", P.b)):
        with as_user(database, P.person(name)) as connection:
            for table in ("documents", "document_chunks", "pdf_documents"):
                ids = connection.exec_driver_sql(f"select id from public.{table}").scalars().all()
                assert set(ids) == ids_in(database, table, workspace), f"{name}, {table}"
                assert ids or table == "pdf_documents"


def assert_roles_are_kept(database: Database) -> None:
    for name in ROLES:
        person, document = P.person(name), named(f"new document of {name}")
        with as_user(database, person) as connection:
            row = {"id": document, "workspace_id": P.a, "user_id": person.id, "title": "New"}
            if name in ("viewer", "member"):
                with pytest.raises(exc.DBAPIError, match="row-level security"):
                    insert(connection, "public.documents", **row)
                continue
            insert(connection, "public.documents", **row)
            # As an application does that knows no workspace of chunks.
            chunk = {"document_id": document, "chunk_index": 0, "content": "New"}
            insert(connection, "public.document_chunks", **chunk)
            update = "update public.documents set title = 'Mine'"
            changed = connection.exec_driver_sql(update).rowcount
            assert changed == len(ids_in(database, "documents", P.a)) + 1
    with (
        as_user(database, P.person("owner")) as connection,
        pytest.raises(exc.DBAPIError, match="row-level security"),
    ):
        insert(connection, "public.documents", workspace_id=P.b, title="Elsewhere")


def assert_search_answers(connection: Connection, *, by_legacy: bool) -> None:
    """Of the first document of each workspace, which no mess has touched, each finds its own."""
    firsts = {"viewer": P.document(P.a, 0), "owner_of_b": P.document(P.b, 0)}
    for table, key in (("documents", "id"), ("document_chunks", "document_id")):
        connection.exec_driver_sql(
            f"update public.{table} set embedding_v2 = {QUERY} where {key} = any (%s::uuid[])",
            ([str(one) for one in firsts.values()],),
        )
    for name, first in firsts.items():
        asker = Asker("authenticated", P.person(name))
        found = ask(connection, asker, f"public.search_documents_hybrid({QUERY})")
        assert [(row["id"], row["embedding_version"]) for row in found] == [(first, "v2")]
        found = ask(connection, asker, f"public.search_document_chunks_hybrid({QUERY})")
        assert {row["document_id"] for row in found} == {first}
        assert len(found) == CHUNKS
    if by_legacy:
        connection.exec_driver_sql("update public.documents set embedding_v2 = null")
        call = f"public.search_documents_hybrid({QUERY}, {LEGACY_QUERY})"
        for name, first in firsts.items():
            asker = Asker("authenticated", P.person(name))
            found = ask(connection, asker, call.format(first))
            assert (found[0]["id"], found[0]["embedding_version"]) == (first, "v1")


def assert_validation_answers(connection: Connection, names: Sequence[str]) -> None:
    """For whoever may ask; and what is wrong is named. One mess alone is named alone."""
    call = "public.validate_workspace_data_integrity({})"
    for workspace, name in ((P.a, "viewer"), (P.b, "owner_of_b")):
        asker = Asker("authenticated", P.person(name))
        assert ask(connection, asker, call.format("")), f"{name} got no answer"
        assert refusal(connection, asker, call.format(f"'{P.a if workspace == P.b else P.b}'"))
    answers = ask(connection, OWNER_OF_TABLES, call.format(""))
    failed = {row["check_name"] for row in answers if row["status"] == "FAIL"}
    wanted = {check for check, _ in seen(names, "faults")}
    assert wanted <= failed if len(names) > 1 else wanted == failed


@pytest.mark.slow
def test_a_platform_without_a_mess_is_adopted_and_restored_by_a_downgrade(
    messy_database: Database,
) -> None:
    assert_adopted_and_given_back(messy_database, [])


@pytest.mark.slow
@pytest.mark.parametrize("name", MESSES)
def test_it_is_named_adopted_and_given_back(messy_database: Database, name: str) -> None:
    mess_up(messy_database, [name])
    assert_preflight_names(messy_database, [name])
    assert_adopted_and_given_back(messy_database, [name])


@both_majors
def test_the_whole_mess_is_adopted_and_restored_by_a_downgrade(messy_database: Database) -> None:
    mess_up(messy_database, MESSES)
    assert_preflight_names(messy_database, list(MESSES))
    assert_adopted_and_given_back(messy_database, list(MESSES))


@both_majors
def test_the_mess_without_what_hides_the_rest_is_adopted_and_restored_by_a_downgrade(
    messy_database: Database,
) -> None:
    names = [name for name, mess in MESSES.items() if not mess.drops]
    mess_up(messy_database, names)
    assert_preflight_names(messy_database, names)
    assert_adopted_and_given_back(messy_database, names)


@pytest.mark.slow
@both_majors
def test_each_downgrade_on_the_whole_mess_leaves_the_dump_before_its_upgrade(
    messy_database: Database,
) -> None:
    mess_up(messy_database, MESSES)
    columns = columns_of(messy_database)
    rows = checksums(messy_database, columns)
    for revision in REVISIONS:
        before = messy_database.dump()
        messy_database.upgrade(revision)
        messy_database.downgrade("-1")
        assert_same(before, messy_database.dump(), f"downgrade of {revision}")
        assert checksums(messy_database, columns) == rows
        messy_database.upgrade(revision)


@pytest.mark.parametrize(
    "seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 23))]
)
def test_any_of_it_is_adopted_or_refused_and_adopted_once_repaired(
    messy_database: Database, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - which combination is tried, the same in each run
    names = rng.sample(list(MESSES), rng.randint(2, len(MESSES) - 1))
    obstacles = rng.sample(list(OBSTACLES.values()), rng.randint(0, 3))
    mess_up(messy_database, names)
    for obstacle in obstacles:
        run(messy_database, obstacle.sql)
    if obstacles:
        assert_refused(messy_database, obstacles)
    for obstacle in obstacles:
        run(messy_database, obstacle.repair)
    assert_preflight_names(messy_database, names)
    assert_adopted_and_given_back(messy_database, names)


@pytest.mark.parametrize("name", OBSTACLES)
def test_it_is_refused_and_nothing_is_changed(messy_database: Database, name: str) -> None:
    run(messy_database, OBSTACLES[name].sql)
    assert_refused(messy_database, [OBSTACLES[name]])


def test_all_errors_are_in_one_list_whatever_else_is_wrong(
    messy_database: Database,
) -> None:
    mess_up(messy_database, MESSES)
    for obstacle in OBSTACLES.values():
        run(messy_database, obstacle.sql)
    assert_refused(messy_database, list(OBSTACLES.values()))


def test_each_index_under_our_name_with_another_definition_is_in_one_list(
    messy_database: Database,
) -> None:
    tables = columns_of(messy_database)
    obstacles = []
    for index in history.objects("index"):
        schema, table = index["table"].split(".")
        if schema == "public" and table in tables:
            name = index["name"].partition(".")[2]
            sql = f"create index {name} on public.{table} (created_at, id)"
            obstacles.append(Obstacle(sql, "index_definition", index["name"], "select 1"))
    # The key of members is the platform's own, and as ours is.
    own = "public.workspace_members_workspace_id_user_id_key"
    obstacles = [one for one in obstacles if one.object != own]
    assert len(obstacles) > 10
    for obstacle in obstacles:
        run(messy_database, obstacle.sql)
    assert_refused(messy_database, obstacles)


EVERY_REASON = {
    "column_type": "alter table public.documents alter metadata type json",
    "duplicate_membership": "alter table public.workspace_members"
    " drop constraint workspace_members_workspace_id_user_id_key;"
    "insert into public.workspace_members (workspace_id, user_id, role)"
    " select workspace_id, user_id, 'admin' from public.workspace_members where role = 'member'",
    "embedding_storage": "alter table public.document_chunks alter embedding set storage plain",
    "forced_row_security": "alter table public.documents force row level security",
    "function_name": OBSTACLES["a function under our name"].sql,
    "generated_column": "alter table public.documents drop column title,"
    " add column title text generated always as (content) stored",
    "index_definition": "create index idx_documents_workspace_updated on public.documents (id)",
    "key_target": "create table public.articles (id uuid primary key);"
    "alter table public.document_chunks drop constraint document_chunks_document_id_fkey;"
    "delete from public.document_chunks;"
    "alter table public.document_chunks add foreign key (document_id)"
    " references public.articles (id)",
    "policy_name": "create policy documents_select on public.documents using (true)",
    "key_name": "alter table public.pdf_documents rename to pdf_documents_of_last_year",
    "primary_key": "create table public.processed_documents (id uuid)",
    "private_schema": "create schema mivaa; create table mivaa.notes (id int)",
    "table_kind": "alter table public.workspace_members set unlogged",
    "trigger_name": "create function public.t() returns trigger language plpgsql as $$ begin"
    " return new; end $$;"
    "create trigger zz_mivaa_updated_at before update on public.documents"
    " for each row execute function public.t()",
    "duplicate_phase": "create table public.migration_tracking ("
    " id uuid primary key default gen_random_uuid(), migration_name text, phase text,"
    " status text constraint their_states check (status = 'done'), rollback_sql text,"
    " server text not null);"
    "insert into public.migration_tracking (migration_name, phase, status, server)"
    " select 'earlier_work', 'one', 'done', n from generate_series(1, 2) n",
    "tracking_column": "",
    "tracking_status": "",
    "foreign_rollback": "update public.migration_tracking set rollback_sql = 'drop schema public'"
    " where server = '1'",
    "reserved_migration": "insert into public.migration_tracking"
    " (migration_name, phase, status, server) values ('mivaa_integration', 'one', 'done', '1')",
}
"""A reason that is empty comes with the one before it."""

OF_THE_SUPERUSER = {
    "privilege": "grant select on public.documents to service_role with grant option;"
    "set role service_role; grant select on public.documents to anon; reset role",
    "table_owner": "alter table public.workspaces owner to supabase_admin",
    "schema_create": "grant create on schema public to public",
    "trigger_owner": "do $$ begin create role planter; exception when duplicate_object then end $$;"
    "create schema lair authorization planter; grant usage on schema lair to public;"
    "set role planter; create function lair.theirs() returns trigger language plpgsql"
    " as 'begin return new; end'; reset role; create trigger theirs before insert"
    " on public.documents for each row execute function lair.theirs()",
}

OF_LATER_REVISIONS = {"constraint_name", "duplicate_rows"}
"""No revision so far has a unique or exclusion constraint."""

ONLY_IN_A_SCRIPT = {"invalid_index"}


def test_every_reason_to_refuse_is_in_one_list(messy_database: Database) -> None:
    for sql in filter(None, EVERY_REASON.values()):
        run(messy_database, sql)
    for sql in OF_THE_SUPERUSER.values():
        run(messy_database, sql, superuser=True)
    before = messy_database.dump()
    with pytest.raises(CommandError, match="cannot be adopted") as caught:
        messy_database.upgrade()
    assert_same(before, messy_database.dump(), "a refusal")
    found = json.loads(look(messy_database, "--json").stdout)
    refused = [finding for finding in found if finding["severity"] == "error"]
    reasons = {path.stem for path in Path(preflight.__file__).parent.glob("errors/*.sql")}
    assert {
        finding["check"] for finding in refused
    } == reasons - ONLY_IN_A_SCRIPT - OF_LATER_REVISIONS
    for finding in refused:
        assert f"{finding['object']} is {finding['found']}" in str(caught.value)
    assert_same(before, messy_database.dump(), "preflight")


def test_every_mess_leaves_the_first_documents_alone(messy_database: Database) -> None:
    """The searches above rest on it."""
    mess_up(messy_database, [name for name, mess in MESSES.items() if not mess.drops])
    for workspace in (MessyPlatform.a, MessyPlatform.b):
        first = MessyPlatform().document(workspace, 0)
        asked = (
            "select (title, status, workspace_id) = ('Title 0', 'active', "
            f"'{workspace}'::uuid) from public.documents where id = '{first}'"
        )
        assert scalar(messy_database, asked) is True
