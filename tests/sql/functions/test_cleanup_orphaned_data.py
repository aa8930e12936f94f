"""cleanup_orphaned_data: deletes chunks without their document, in one workspace only."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Connection

from fixtures.altered_functions import with_body
from fixtures.asking import (
    ANON,
    OUTSIDERS,
    SERVICE,
    TABLES,
    Asker,
    Row,
    ask,
    plant,
    refusal,
    rolled_back,
    user,
)
from fixtures.calls import Worlds
from fixtures.clusters import both_majors
from fixtures.people import World, named

W = World()
CALL = "public.cleanup_orphaned_data(:workspace, :dry_run)"
NOWHERE = named("a workspace that nobody has")
MANAGERS = ("owner", "admin", "editor")


def clean_up(
    connection: Connection, asker: Asker, *, dry_run: bool | None = False, workspace: object = None
) -> Row:
    (row,) = ask(connection, asker, CALL, workspace=workspace, dry_run=dry_run)
    return row


def chunks(connection: Connection, workspace: object) -> int:
    statement = f"select count(*) from public.document_chunks where workspace_id = '{workspace}'"
    return int(connection.exec_driver_sql(statement).scalar_one())


def orphan(connection: Connection, *people: str) -> None:
    """Let the chunks of people name documents that do not exist."""
    ids = ", ".join(f"'{W.row('document_chunks', name)}'" for name in people)
    plant(
        connection,
        f"update public.document_chunks set document_id = gen_random_uuid() where id in ({ids})",
    )


@both_majors
@pytest.mark.parametrize("name", MANAGERS)
def test_those_who_manage_documents_delete_the_orphans_of_their_workspace(
    worlds: Worlds, major: int, name: str
) -> None:
    with rolled_back(worlds(major)) as connection:
        orphan(connection, "viewer", "member", "owner_of_b")
        row = clean_up(connection, user(name))
        assert row == {
            "operation": "cleanup_orphaned_chunks",
            "affected_rows": 2,
            "status": "COMPLETED",
            "orphans_before": 2,
            "orphans_after": 0,
            "details": "None of the 7 chunks that remain is an orphan.",
        }
        assert chunks(connection, W.a) == 7
        assert chunks(connection, W.b) == 1


@both_majors
@pytest.mark.parametrize("asker", [SERVICE, TABLES], ids=str)
def test_roles_that_see_everything_delete_in_the_workspace_they_name(
    worlds: Worlds, major: int, asker: Asker
) -> None:
    with rolled_back(worlds(major)) as connection:
        orphan(connection, "viewer", "owner_of_b")
        row = clean_up(connection, asker, workspace=W.a)
        assert (row["affected_rows"], row["status"]) == (1, "COMPLETED")
        assert chunks(connection, W.b) == 1


@pytest.mark.parametrize("asker", [user("editor"), SERVICE], ids=str)
def test_a_dry_run_is_the_default_and_only_counts(worlds: Worlds, asker: Asker) -> None:
    with rolled_back(worlds()) as connection:
        orphan(connection, "viewer", "member", "owner_of_b")
        (row,) = ask(connection, asker, f"public.cleanup_orphaned_data('{W.a}')")
        assert (row["affected_rows"], row["status"]) == (2, "DRY_RUN")
        assert (row["orphans_before"], row["orphans_after"]) == (2, 2)
        assert row["details"].startswith("The document of 2 of 9 chunks does not exist.")
        assert "dry_run => false" in row["details"]
        assert chunks(connection, W.a) == 9


def outcomes(connection: Connection, asker: Asker, *, dry_run: bool) -> dict[str, tuple[int, str]]:
    """What happened in each workspace that is named."""
    rows = ask(connection, asker, CALL, workspace=None, dry_run=dry_run)
    return {
        row["details"].partition(":")[0].removeprefix("Workspace "): (
            row["affected_rows"],
            row["status"],
        )
        for row in rows
    }


@both_majors
def test_the_owner_without_a_workspace_cleans_up_every_one(worlds: Worlds, major: int) -> None:
    a, b = str(W.a), str(W.b)
    with rolled_back(worlds(major)) as connection:
        (row,) = ask(connection, TABLES, CALL, workspace=None, dry_run=True)
        assert (row["affected_rows"], row["status"]) == (0, "DRY_RUN")
        assert row["details"].startswith("No workspace has a chunk")
        orphan(connection, "viewer", "member", "owner_of_b")
        looked = {a: (2, "DRY_RUN"), b: (1, "DRY_RUN")}
        assert outcomes(connection, TABLES, dry_run=True) == looked
        # All chunks of B would go; that does not keep A from being cleaned up.
        done = {a: (2, "COMPLETED"), b: (0, "REFUSED")}
        assert outcomes(connection, TABLES, dry_run=False) == done
        assert (chunks(connection, W.a), chunks(connection, W.b)) == (7, 1)
        assert outcomes(connection, TABLES, dry_run=False) == {b: (0, "REFUSED")}


def test_without_the_argument_it_is_a_dry_run(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        orphan(connection, "viewer")
        assert clean_up(connection, user("editor"), dry_run=None)["status"] == "DRY_RUN"
        assert chunks(connection, W.a) == 9


@both_majors
def test_ten_thousand_are_deleted_in_a_call_and_the_rest_is_counted(
    worlds: Worlds, major: int
) -> None:
    with rolled_back(worlds(major)) as connection:
        plant(
            connection,
            "insert into public.document_chunks (workspace_id, document_id, chunk_index, content)"
            f" select '{W.a}', gen_random_uuid(), 0, 'lost' from generate_series(1, 10025)",
        )
        first = clean_up(connection, user("editor"))
        assert (first["affected_rows"], first["status"]) == (10000, "PARTIAL")
        assert (first["orphans_before"], first["orphans_after"]) == (10025, 25)
        assert "call again" in first["details"]
        second = clean_up(connection, user("editor"))
        assert (second["affected_rows"], second["status"]) == (25, "COMPLETED")
        assert chunks(connection, W.a) == 9


@both_majors
@pytest.mark.parametrize("asker", [user("owner"), SERVICE, TABLES], ids=str)
def test_when_every_chunk_is_an_orphan_nothing_is_deleted(
    worlds: Worlds, major: int, asker: Asker
) -> None:
    with rolled_back(worlds(major)) as connection:
        plant(connection, f"delete from public.documents where workspace_id = '{W.a}'")
        refused = refusal(connection, asker, CALL, workspace=W.a, dry_run=False)
        assert refused.state == "55000"
        assert refused.message == (
            f"all 9 chunks of workspace {W.a} would count as orphans, expected fewer"
        )
        assert "Nothing was deleted" in str(refused.hint)
        assert chunks(connection, W.a) == 9
        row = clean_up(connection, asker, workspace=W.a, dry_run=True)
        assert (row["affected_rows"], row["status"]) == (9, "DRY_RUN")
        assert "they would not be deleted" in row["details"]


@both_majors
def test_a_workspace_without_orphans_is_left_as_it_is(worlds: Worlds, major: int) -> None:
    with rolled_back(worlds(major)) as connection:
        row = clean_up(connection, user("editor"))
        assert (row["affected_rows"], row["status"]) == (0, "COMPLETED")
        assert chunks(connection, W.a) == 9
        looked = clean_up(connection, user("editor"), dry_run=True)
        assert looked["details"] == "The document of 0 of 9 chunks does not exist."


def test_a_workspace_without_chunks_is_no_reason_to_refuse(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        plant(connection, f"delete from public.document_chunks where workspace_id = '{W.a}'")
        assert clean_up(connection, user("editor"))["status"] == "COMPLETED"


def test_a_chunk_whose_document_is_in_another_workspace_is_no_orphan(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        plant(
            connection,
            f"update public.document_chunks set document_id = '{W.row('documents', 'owner_of_b')}'"
            f" where id = '{W.row('document_chunks', 'viewer')}'",
        )
        assert clean_up(connection, user("editor"))["orphans_before"] == 0
        assert chunks(connection, W.a) == 9


def test_a_chunk_of_another_workspace_stays_whatever_counts_as_an_orphan(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        # As if the chunk had been moved since it was found.
        with_body(
            connection,
            "mivaa.orphaned_chunks(uuid, integer)",
            "begin chunk_count := 9; orphan_count := 1; orphan_ids :="
            f" array['{W.row('document_chunks', 'owner_of_b')}'::uuid]; end",
        )
        assert clean_up(connection, SERVICE, workspace=W.a)["affected_rows"] == 0
        assert chunks(connection, W.b) == 1
        assert clean_up(connection, SERVICE, workspace=W.b)["affected_rows"] == 1


def test_a_chunk_that_names_no_document_is_no_orphan(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        plant(
            connection,
            "alter table public.document_chunks alter document_id drop not null",
            f"update public.document_chunks set document_id = null where workspace_id = '{W.a}'",
        )
        assert clean_up(connection, user("editor"))["orphans_before"] == 0
        assert chunks(connection, W.a) == 9


@both_majors
@pytest.mark.parametrize("name", ["viewer", "member"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_those_who_only_read_are_refused(
    worlds: Worlds, major: int, name: str, dry_run: bool
) -> None:
    with rolled_back(worlds(major)) as connection:
        orphan(connection, "viewer")
        refused = refusal(connection, user(name), CALL, workspace=None, dry_run=dry_run)
        assert (refused.state, refused.message) == (
            "42501",
            "this needs the permission manage_documents",
        )
        assert chunks(connection, W.a) == 9


@pytest.mark.parametrize("asker", OUTSIDERS, ids=str)
def test_a_request_without_a_workspace_is_refused(worlds: Worlds, asker: Asker) -> None:
    with rolled_back(worlds()) as connection:
        for workspace in (None, W.a):
            refused = refusal(connection, asker, CALL, workspace=workspace, dry_run=False)
            assert (refused.state, refused.message) == (
                "42501",
                "this request has no workspace",
            )


@pytest.mark.parametrize("workspace", [W.b, NOWHERE])
def test_another_workspace_is_refused_whether_it_exists_or_not(
    worlds: Worlds, workspace: object
) -> None:
    with rolled_back(worlds()) as connection:
        refused = refusal(connection, user("owner"), CALL, workspace=workspace, dry_run=False)
    assert refused.state == "42501"
    assert refused.message == f"workspace {workspace} is not the workspace of this request"


@both_majors
@pytest.mark.parametrize("asker", [SERVICE, TABLES], ids=str)
def test_roles_that_see_everything_name_a_workspace_that_exists(
    worlds: Worlds, major: int, asker: Asker
) -> None:
    with rolled_back(worlds(major)) as connection:
        if asker is SERVICE:
            unnamed = refusal(connection, asker, CALL, workspace=None, dry_run=False)
            assert (unnamed.state, unnamed.message) == ("22004", "no workspace is named")
        unknown = refusal(connection, asker, CALL, workspace=NOWHERE, dry_run=False)
        assert (unknown.state, unknown.message) == (
            "22023",
            f"workspace {NOWHERE} does not exist",
        )


def test_anon_cannot_call_them(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        refused = refusal(connection, ANON, CALL, workspace=W.a, dry_run=True)
    assert refused.state == "42501"
    assert "permission denied for function" in refused.message


def test_a_user_cannot_reach_around_to_another_workspace(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        refused = refusal(connection, user("owner"), f"mivaa.orphaned_chunks('{W.b}', 10)")
    assert refused.state == "42501"
    assert "permission denied for function" in refused.message


@pytest.mark.parametrize("asker", [*OUTSIDERS, user("viewer"), user("member")], ids=str)
def test_the_private_function_checks_the_permission_itself(worlds: Worlds, asker: Asker) -> None:
    with rolled_back(worlds()) as connection:
        refused = refusal(connection, asker, "mivaa.orphaned_chunks_of_request(10)")
    assert (refused.state, refused.message) == (
        "42501",
        "this needs the permission manage_documents in a workspace",
    )
