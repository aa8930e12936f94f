"""validate_workspace_data_integrity: each fault is found, counted, and kept where it is."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy.engine import Connection

from fixtures.asking import (
    ANON,
    OUTSIDERS,
    SERVICE,
    TABLES,
    Asker,
    Row,
    ask,
    embed_everything,
    plant,
    refusal,
    rolled_back,
    user,
)
from fixtures.calls import Worlds
from fixtures.clusters import both_majors
from fixtures.people import INACTIVE, ROLES, World, named

W = World()
CALL = "public.validate_workspace_data_integrity(:workspace)"
NOWHERE = named("a workspace that nobody has")
RANDOM = "gen_random_uuid()"

CHECKS = [
    "orphaned_chunks",
    "chunk_workspace_mismatch",
    "chunks_without_document",
    "dangling_extractions",
    "missing_embeddings",
    "missing_chunk_embeddings",
    "wrong_embedding_status",
    "stale_embeddings",
    "zero_vectors",
    "unknown_statuses",
    "invalid_user_refs",
    "workspace_members",
    "rows_without_workspace",
    "unknown_workspaces",
    "invalid_indexes",
]


def checks(connection: Connection, asker: Asker, workspace: object = None) -> dict[str, Row]:
    return {row["check_name"]: row for row in ask(connection, asker, CALL, workspace=workspace)}


def change(table: str, values: str, *people: str) -> str:
    """An update of the rows that people have in a table."""
    ids = ", ".join(f"'{W.row(table, name)}'" for name in people)
    return f"update public.{table} set {values} where id in ({ids})"


def member(values: str, name: str) -> str:
    return f"update public.workspace_members set {values} where user_id = '{named(name)}'"


def without_check(table: str, column: str) -> str:
    """As an adopted table may be."""
    return f"alter table public.{table} drop constraint {table}_{column}_check"


def zeros(dimensions: int) -> str:
    return f"array_fill(0::real, array[{dimensions}])::vector"


@dataclass(frozen=True)
class Fault:
    """What is planted, and how often each one who asks should find it."""

    check: str
    status: str
    planted: tuple[str, ...]
    in_a: int
    in_b: int
    in_all: int


FAULTS = (
    Fault(
        "orphaned_chunks",
        "FAIL",
        (change("document_chunks", f"document_id = {RANDOM}", "owner", "editor", "owner_of_b"),),
        2,
        1,
        3,
    ),
    Fault(
        "chunk_workspace_mismatch",
        "FAIL",
        (
            change(
                "document_chunks",
                f"document_id = '{W.row('documents', 'owner_of_b')}'",
                "owner",
                "admin",
            ),
        ),
        2,
        0,
        2,
    ),
    Fault(
        "chunks_without_document",
        "WARN",
        (
            "alter table public.document_chunks alter document_id drop not null",
            change("document_chunks", "document_id = null", "owner", "owner_of_b"),
        ),
        1,
        1,
        2,
    ),
    Fault(
        "dangling_extractions",
        "FAIL",
        (
            change("processed_documents", f"pdf_document_id = {RANDOM}", "owner", "owner_of_b"),
            change(
                "processed_documents",
                f"document_id = '{W.row('documents', 'owner_of_b')}'",
                "editor",
            ),
        ),
        2,
        1,
        3,
    ),
    Fault(
        "missing_embeddings",
        "WARN",
        (
            change(
                "documents",
                "embedding_v2 = null, embedding_migration_status = 'pending'",
                *("owner", "admin", "editor", "viewer", "owner_of_b"),
            ),
            change("documents", "status = 'draft'", "admin"),
            change("documents", "embedding_migration_status = 'skipped'", "editor"),
        ),
        2,
        1,
        3,
    ),
    Fault(
        "missing_chunk_embeddings",
        "WARN",
        (
            change(
                "document_chunks",
                "embedding_v2 = null, embedding_migration_status = 'failed'",
                *("owner", "admin", "editor"),
            ),
            change("document_chunks", "embedding_migration_status = 'skipped'", "editor"),
        ),
        2,
        0,
        2,
    ),
    Fault(
        "wrong_embedding_status",
        "FAIL",
        (
            change("documents", "embedding_v2 = null", "owner", "owner_of_b"),
            change("document_chunks", "embedding_v2 = null", "viewer"),
        ),
        2,
        1,
        3,
    ),
    Fault(
        "stale_embeddings",
        "WARN",
        (
            "set local session_replication_role = origin",
            change("documents", "content = 'edited'", "owner", "owner_of_b"),
            change("document_chunks", "content = 'edited'", "viewer"),
        ),
        2,
        1,
        3,
    ),
    Fault(
        "zero_vectors",
        "FAIL",
        (
            change("documents", f"embedding = {zeros(1536)}", "owner"),
            change("document_chunks", f"embedding_v2 = {zeros(768)}", "owner", "owner_of_b"),
        ),
        2,
        1,
        3,
    ),
    Fault(
        "unknown_statuses",
        "FAIL",
        (
            without_check("documents", "status"),
            without_check("pdf_documents", "status"),
            without_check("processed_documents", "status"),
            without_check("document_chunks", "embedding_migration_status"),
            "alter table public.documents alter status drop not null",
            change("documents", "status = 'lost'", "owner", "owner_of_b"),
            change("documents", "status = null", "admin"),
            change("pdf_documents", "status = 'lost'", "owner"),
            change("processed_documents", "status = 'lost'", "owner"),
            change("document_chunks", "embedding_migration_status = 'lost'", "owner"),
        ),
        5,
        1,
        6,
    ),
    Fault(
        "invalid_user_refs",
        "FAIL",
        (
            change("documents", f"user_id = {RANDOM}", "viewer", "owner_of_b"),
            change("pdf_documents", f"user_id = {RANDOM}", "viewer"),
            change("processed_documents", f"user_id = {RANDOM}", "viewer"),
            member(f"user_id = {RANDOM}", "viewer"),
            f"update public.workspaces set created_by = {RANDOM} where id = '{W.a}'",
        ),
        5,
        1,
        6,
    ),
    Fault(
        "workspace_members",
        "FAIL",
        (
            without_check("workspace_members", "role"),
            without_check("workspace_members", "status"),
            member("role = 'emperor'", "viewer"),
            member("status = 'asleep'", "member"),
            member("role = 'admin'", "owner"),
        ),
        3,
        0,
        3,
    ),
    Fault(
        "rows_without_workspace",
        "FAIL",
        (
            *(
                f"alter table public.{table} alter workspace_id drop not null"
                for table in (
                    "documents",
                    "document_chunks",
                    "pdf_documents",
                    "processed_documents",
                )
            ),
            change("document_chunks", "workspace_id = null", "owner", "owner_of_b"),
            change("processed_documents", "workspace_id = null", "owner"),
            change("documents", "workspace_id = null", "viewer"),
            change("pdf_documents", "workspace_id = null", "viewer"),
        ),
        2,
        1,
        5,
    ),
    Fault(
        "unknown_workspaces",
        "FAIL",
        (f"delete from public.workspaces where id = '{W.a}'",),
        # Nine rows in each of four tables, and ten memberships.
        46,
        0,
        46,
    ),
    Fault(
        "invalid_indexes",
        "FAIL",
        (
            """
            update pg_index set indisvalid = false
            where indexrelid = 'public.idx_documents_workspace_created'::regclass
            """,
        ),
        1,
        1,
        1,
    ),
)


@both_majors
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.check)
def test_a_fault_is_counted_where_it_is_and_nowhere_else(
    worlds: Worlds, major: int, fault: Fault
) -> None:
    with rolled_back(worlds(major)) as connection:
        embed_everything(connection)
        plant(connection, *fault.planted)
        found = {
            "A": checks(connection, user("editor")),
            "B": checks(connection, user("owner_of_b")),
            "all": checks(connection, TABLES),
        }
        expected = {"A": fault.in_a, "B": fault.in_b, "all": fault.in_all}
        for scope, count in expected.items():
            row = found[scope][fault.check]
            assert row["issue_count"] == count, scope
            assert row["status"] == (fault.status if count else "PASS"), scope
            assert row["details"].startswith(f"Found {count}: "), scope


def test_every_check_has_a_fault_that_it_finds() -> None:
    assert [fault.check for fault in FAULTS] == CHECKS


def filled(dimensions: int) -> str:
    return f"array_fill(1::real, array[{dimensions}])::vector"


EMBEDDING_CHECKS = {
    "documents": ("missing_embeddings", "wrong_embedding_status", "stale_embeddings"),
    "document_chunks": ("missing_chunk_embeddings", "wrong_embedding_status", "stale_embeddings"),
}

STATES = (
    # Legacy embedding, new one, recorded state: what is wrong with it, if anything.
    (None, None, "pending", "missing"),
    (None, None, "failed", "missing"),
    (None, None, "completed", "missing wrong"),
    (None, None, "skipped", ""),
    (None, filled(768), "pending", "stale"),
    (None, filled(768), "failed", "stale"),
    (None, filled(768), "completed", ""),
    (None, filled(768), "skipped", ""),
    (filled(1536), None, "pending", ""),
    (filled(1536), None, "failed", ""),
    (filled(1536), None, "completed", "wrong"),
    (filled(1536), None, "skipped", ""),
    (filled(1536), filled(768), "completed", ""),
    (zeros(1536), filled(768), "completed", "zero"),
    (filled(1536), zeros(768), "completed", "zero"),
    (zeros(1536), zeros(768), "completed", "zero"),
)


@pytest.mark.parametrize("table", EMBEDDING_CHECKS)
@pytest.mark.parametrize(("old", "new", "state", "wrong"), STATES)
def test_each_state_of_an_embedding_is_judged_by_every_check(
    worlds: Worlds, table: str, old: str | None, new: str | None, state: str, wrong: str
) -> None:
    values = (
        f"embedding = {old or 'null'}, embedding_v2 = {new or 'null'},"
        f" embedding_migration_status = '{state}'"
    )
    names = (*EMBEDDING_CHECKS[table], "zero_vectors")
    with rolled_back(worlds()) as connection:
        embed_everything(connection)
        plant(connection, change(table, values, "editor"))
        found = checks(connection, user("viewer"))
    expected = {name: int(name.split("_")[0] in wrong.split()) for name in names}
    assert {name: found[name]["issue_count"] for name in names} == expected


@pytest.mark.parametrize(
    ("status", "missing"),
    [("active", 1), ("published", 1), ("draft", 0), ("archived", 0), ("deleted", 0)],
)
def test_documents_that_search_does_not_show_miss_no_embedding(
    worlds: Worlds, status: str, missing: int
) -> None:
    values = f"status = '{status}', embedding_v2 = null, embedding_migration_status = 'pending'"
    with rolled_back(worlds()) as connection:
        embed_everything(connection)
        plant(connection, change("documents", values, "editor"))
        found = checks(connection, user("viewer"))
    assert found["missing_embeddings"]["issue_count"] == missing


@pytest.mark.parametrize("fault", FAULTS[:4], ids=lambda fault: fault.check)
def test_a_fault_of_references_is_one_fault(worlds: Worlds, fault: Fault) -> None:
    with rolled_back(worlds()) as connection:
        embed_everything(connection)
        plant(connection, *fault.planted)
        found = checks(connection, TABLES)
    assert [name for name in CHECKS[:4] if found[name]["issue_count"]] == [fault.check]


def test_a_row_without_a_workspace_is_in_no_wrong_one(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        for table in ("document_chunks", "processed_documents"):
            nullable = f"alter table public.{table} alter workspace_id drop not null"
            plant(connection, nullable, change(table, "workspace_id = null", "editor"))
        found = checks(connection, TABLES)
    assert found["rows_without_workspace"]["issue_count"] == 2
    assert found["unknown_workspaces"]["issue_count"] == 0
    assert [name for name in CHECKS[:4] if found[name]["issue_count"]] == []


@pytest.mark.parametrize("column", ["pdf_document_id", "document_id"])
def test_an_extraction_may_name_no_file_and_no_document(worlds: Worlds, column: str) -> None:
    with rolled_back(worlds()) as connection:
        plant(connection, change("processed_documents", f"{column} = null", "editor"))
        assert checks(connection, TABLES)["dangling_extractions"]["issue_count"] == 0


@pytest.mark.parametrize("column", ["pdf_document_id", "document_id"])
def test_an_extraction_without_a_workspace_counts_where_its_file_or_document_is(
    worlds: Worlds, column: str
) -> None:
    with rolled_back(worlds()) as connection:
        plant(
            connection,
            "alter table public.processed_documents alter workspace_id drop not null",
            change("processed_documents", f"workspace_id = null, {column} = null", "editor"),
        )
        for name, count in (("owner", 1), ("owner_of_b", 0)):
            found = checks(connection, user(name))
            assert found["rows_without_workspace"]["issue_count"] == count, name


PROCESSING = ("pending", "processing", "completed", "failed")
EMBEDDING = ("pending", "completed", "failed", "skipped")


@pytest.mark.parametrize(
    ("table", "column", "known"),
    [
        ("documents", "status", ("draft", "active", "published", "archived", "deleted")),
        ("pdf_documents", "status", PROCESSING),
        ("processed_documents", "status", PROCESSING),
        ("documents", "embedding_migration_status", EMBEDDING),
        ("document_chunks", "embedding_migration_status", EMBEDDING),
    ],
)
def test_every_status_that_there_is_is_known_and_another_one_is_not(
    worlds: Worlds, table: str, column: str, known: tuple[str, ...]
) -> None:
    with rolled_back(worlds()) as connection:
        for name, status in zip(ROLES, known, strict=False):
            plant(connection, change(table, f"{column} = '{status}'", name))
        assert checks(connection, TABLES)["unknown_statuses"]["issue_count"] == 0
        plant(connection, without_check(table, column), change(table, f"{column} = 'x'", "owner"))
        assert checks(connection, TABLES)["unknown_statuses"]["issue_count"] == 1


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("status", ["active", *INACTIVE])
def test_every_role_and_status_of_a_member_is_known(worlds: Worlds, role: str, status: str) -> None:
    with rolled_back(worlds()) as connection:
        plant(connection, member(f"role = '{role}', status = '{status}'", "second_editor"))
        assert checks(connection, TABLES)["workspace_members"]["issue_count"] == 0


@both_majors
@pytest.mark.parametrize("name", ROLES)
def test_a_sound_workspace_passes_for_every_member(worlds: Worlds, major: int, name: str) -> None:
    with rolled_back(worlds(major)) as connection:
        embed_everything(connection)
        found = checks(connection, user(name))
        assert list(found) == CHECKS
        assert {row["status"] for row in found.values()} == {"PASS"}
        assert {row["issue_count"] for row in found.values()} == {0}


@pytest.mark.parametrize("asker", [user("viewer"), SERVICE, TABLES], ids=str)
def test_naming_the_workspace_gives_what_the_request_gives(worlds: Worlds, asker: Asker) -> None:
    with rolled_back(worlds()) as connection:
        embed_everything(connection)
        plant(connection, *FAULTS[0].planted)
        assert checks(connection, asker, W.a) == checks(connection, user("owner"))


def test_a_fault_comes_with_its_remedy_and_soundness_without(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        sound = checks(connection, user("owner"))["orphaned_chunks"]["details"]
        plant(connection, *FAULTS[0].planted)
        faulty = checks(connection, user("owner"))["orphaned_chunks"]["details"]
    assert sound == "Found 0: chunks whose document does not exist."
    assert faulty == (
        "Found 2: chunks whose document does not exist. cleanup_orphaned_data removes them."
    )


def test_an_invalid_index_is_named(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        plant(connection, *FAULTS[-1].planted)
        details = checks(connection, user("owner"))["invalid_indexes"]["details"]
    assert "public.idx_documents_workspace_created" in details


@pytest.mark.parametrize(
    "closed",
    [
        "revoke all on auth.users from postgres",
        "revoke usage on schema auth from postgres, anon, authenticated, service_role",
        "alter table auth.users enable row level security",
    ],
)
def test_users_that_cannot_be_read_are_not_taken_for_missing(worlds: Worlds, closed: str) -> None:
    with rolled_back(worlds()) as connection:
        connection.exec_driver_sql(closed)
        row = checks(connection, user("owner"))["invalid_user_refs"]
    assert (row["status"], row["issue_count"]) == ("WARN", None)
    assert "an unknown number" in row["details"]
    assert "auth.users" in row["details"]


def test_memberships_that_row_level_security_hides_are_looked_at(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        plant(connection, member("status = 'removed'", "owner"))
        assert checks(connection, user("viewer"))["workspace_members"]["issue_count"] == 1


@both_majors
@pytest.mark.parametrize("asker", OUTSIDERS, ids=str)
def test_a_request_without_a_workspace_is_refused(worlds: Worlds, major: int, asker: Asker) -> None:
    with rolled_back(worlds(major)) as connection:
        for workspace in (None, W.a):
            refused = refusal(connection, asker, CALL, workspace=workspace)
            assert (refused.state, refused.message) == (
                "42501",
                "this request has no workspace",
            )


@pytest.mark.parametrize("workspace", [W.b, NOWHERE])
def test_another_workspace_is_refused_whether_it_exists_or_not(
    worlds: Worlds, workspace: object
) -> None:
    with rolled_back(worlds()) as connection:
        refused = refusal(connection, user("owner"), CALL, workspace=workspace)
    assert refused.state == "42501"
    assert refused.message == f"workspace {workspace} is not the workspace of this request"


@both_majors
def test_service_role_must_name_a_workspace(worlds: Worlds, major: int) -> None:
    with rolled_back(worlds(major)) as connection:
        refused = refusal(connection, SERVICE, CALL, workspace=None)
    assert (refused.state, refused.message) == ("22004", "no workspace is named")


@both_majors
@pytest.mark.parametrize("asker", [SERVICE, TABLES], ids=str)
def test_an_unknown_workspace_is_an_error_and_not_a_sound_one(
    worlds: Worlds, major: int, asker: Asker
) -> None:
    with rolled_back(worlds(major)) as connection:
        refused = refusal(connection, asker, CALL, workspace=NOWHERE)
    assert (refused.state, refused.message) == ("22023", f"workspace {NOWHERE} does not exist")
    assert "public.workspaces" in str(refused.hint)


@both_majors
def test_anon_cannot_call_them(worlds: Worlds, major: int) -> None:
    with rolled_back(worlds(major)) as connection:
        refused = refusal(connection, ANON, CALL, workspace=W.a)
    assert refused.state == "42501"
    assert "permission denied for function" in refused.message


@pytest.mark.parametrize(
    "entrance",
    [
        f"mivaa.integrity('{W.b}')",
        *(
            f"mivaa.check_{group}('{W.b}')"
            for group in ("references", "embeddings", "statuses", "users", "workspaces")
        ),
        "mivaa.check_indexes()",
    ],
)
def test_a_user_cannot_reach_around_to_another_workspace(worlds: Worlds, entrance: str) -> None:
    with rolled_back(worlds()) as connection:
        refused = refusal(connection, user("owner"), entrance)
    assert refused.state == "42501"
    assert "permission denied for function" in refused.message


@pytest.mark.parametrize("asker", OUTSIDERS, ids=str)
def test_the_private_function_checks_the_membership_itself(worlds: Worlds, asker: Asker) -> None:
    with rolled_back(worlds()) as connection:
        refused = refusal(connection, asker, "mivaa.integrity_of_request()")
    assert (refused.state, refused.message) == (
        "42501",
        "this needs the permission read in a workspace",
    )


def test_a_member_with_an_unknown_role_may_not_read(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        plant(connection, *next(f for f in FAULTS if f.check == "workspace_members").planted)
        refused = refusal(connection, user("viewer"), CALL, workspace=None)
    assert (refused.state, refused.message) == ("42501", "this needs the permission read")
