"""optimize_workspace_data: it reports what it did, and renews statistics not too often."""

from __future__ import annotations

from typing import Any

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
    refusal,
    rolled_back,
    user,
)
from fixtures.calls import Worlds
from fixtures.clusters import SUPERUSER, both_majors
from fixtures.databases import Database
from fixtures.people import World, named

W = World()
CALL = "public.optimize_workspace_data(:workspace)"
NOWHERE = named("a workspace that nobody has")
TABLES_OF_DOCUMENTS = [
    "public.documents",
    "public.document_chunks",
    "public.pdf_documents",
    "public.processed_documents",
]


def optimize(made: Database, asker: Asker, workspace: object = W.a) -> list[Row]:
    """Call it in a transaction that is committed: statistics are kept at the end of one."""
    with made.superuser() as connection:
        return ask(connection, asker, CALL, workspace=workspace)


def of(rows: list[Row], operation: str) -> dict[str, Row]:
    return {row["object_name"]: row for row in rows if row["operation"] == operation}


def statuses(rows: list[Row]) -> dict[str, str]:
    return {name: row["status"] for name, row in of(rows, "update_statistics").items()}


def analyzed(connection: Connection) -> dict[str, Any]:
    statement = (
        "select 'public.' || relname, last_analyze from pg_stat_user_tables"
        " where schemaname = 'public'"
    )
    rows = connection.exec_driver_sql(statement).all()
    return {name: when for name, when in rows if name in TABLES_OF_DOCUMENTS}


@both_majors
def test_statistics_are_renewed_and_not_again_within_ten_minutes(
    world_database: Database,
) -> None:
    with world_database.superuser() as connection:
        assert set(analyzed(connection).values()) == {None}
    first = optimize(world_database, user("editor"))
    assert statuses(first) == dict.fromkeys(TABLES_OF_DOCUMENTS, "COMPLETED")
    with world_database.superuser() as connection:
        once = analyzed(connection)
        assert None not in once.values()
        counted = "select reltuples from pg_class where oid = 'public.documents'::regclass"
        assert connection.exec_driver_sql(counted).scalar_one() == 10
    for asker in (user("owner"), SERVICE, TABLES):
        again = optimize(world_database, asker)
        assert statuses(again) == dict.fromkeys(TABLES_OF_DOCUMENTS, "SKIPPED")
        is_user = asker not in (SERVICE, TABLES)
        for table, row in of(again, "update_statistics").items():
            # When that was depends on what all workspaces write.
            when = f"{once[table]:%Y-%m-%d %H:%M:%S}"
            assert (when in row["details"]) is not is_user
            expected = "less than ten minutes ago" if is_user else "at most every 10 minutes"
            assert expected in row["details"]
    with world_database.superuser() as connection:
        assert analyzed(connection) == once


@both_majors
@pytest.mark.parametrize("asker", [user("owner"), user("admin"), SERVICE, TABLES], ids=str)
def test_those_who_may_renew_statistics_do(world_database: Database, asker: Asker) -> None:
    rows = optimize(world_database, asker)
    assert statuses(rows) == dict.fromkeys(TABLES_OF_DOCUMENTS, "COMPLETED")


@both_majors
def test_a_table_under_other_maintenance_is_not_waited_for_and_not_claimed(
    world_database: Database,
) -> None:
    with world_database.engine(SUPERUSER).connect() as other, other.begin():
        other.exec_driver_sql("lock table public.documents in share update exclusive mode")
        rows = optimize(world_database, user("editor"))
    assert statuses(rows) == {
        **dict.fromkeys(TABLES_OF_DOCUMENTS, "COMPLETED"),
        "public.documents": "SKIPPED",
    }
    details = of(rows, "update_statistics")["public.documents"]["details"]
    assert "other maintenance has locked the table" in details
    with world_database.superuser() as connection:
        assert analyzed(connection)["public.documents"] is None
    # Nothing was renewed, so nothing needs to pause.
    assert statuses(optimize(world_database, user("editor")))["public.documents"] == "COMPLETED"


@both_majors
def test_healthy_tables_are_called_healthy(world_database: Database) -> None:
    with rolled_back(world_database) as connection:
        rows = ask(connection, SERVICE, CALL, workspace=W.a)
        told = ask(connection, user("editor"), CALL, workspace=None)
    for operation in ("index_health", "table_bloat"):
        assert [row["status"] for row in of(rows, operation).values()] == ["OK"]
    assert of(told, "index_health")[None]["details"] == "Every index is valid."
    assert of(told, "table_bloat") == {}


@both_majors
def test_an_invalid_index_is_named_with_its_remedy(world_database: Database) -> None:
    with rolled_back(world_database) as connection:
        connection.exec_driver_sql(
            "update pg_index set indisvalid = false"
            " where indexrelid = 'public.idx_documents_workspace_created'::regclass"
        )
        found = of(ask(connection, user("editor"), CALL, workspace=None), "index_health")
    row = found["public.idx_documents_workspace_created"]
    assert len(found) == 1
    assert row["status"] == "ATTENTION"
    assert "INVALID" in row["details"]
    assert "REINDEX INDEX CONCURRENTLY" in row["details"]


@both_majors
def test_an_index_that_costs_and_serves_nobody_is_named(world_database: Database) -> None:
    with rolled_back(world_database) as connection:
        connection.exec_driver_sql(
            "insert into public.pdf_documents (workspace_id, filename)"
            f" select '{W.a}', string_agg(md5(i || '/' || j), '') from generate_series(1, 800) i,"
            " generate_series(1, 60) j group by i"
        )
        connection.exec_driver_sql("create index of_no_use on public.pdf_documents (filename)")
        # What is used depends on all workspaces.
        told = of(ask(connection, user("editor"), CALL, workspace=None), "index_health")
        assert list(told) == [None]
        found = of(ask(connection, SERVICE, CALL, workspace=W.a), "index_health")
        assert list(found) == ["public.of_no_use"]
        assert found["public.of_no_use"]["status"] == "ATTENTION"
        assert "No query has used the index" in found["public.of_no_use"]["details"]
        connection.exec_driver_sql("drop index public.of_no_use")
        connection.exec_driver_sql(
            "create unique index of_no_use on public.pdf_documents (filename)"
        )
        found = of(ask(connection, SERVICE, CALL, workspace=W.a), "index_health")
        assert found[None]["status"] == "OK"


@both_majors
def test_a_table_of_many_dead_rows_is_named(world_database: Database) -> None:
    with world_database.superuser() as connection:
        connection.exec_driver_sql(
            "alter table public.pdf_documents set (autovacuum_enabled = false)"
        )
        connection.exec_driver_sql(
            "insert into public.pdf_documents (workspace_id, filename, file_size)"
            f" select '{W.a}', i || '.pdf', i from generate_series(1, 3000) i"
        )
    with world_database.superuser() as connection:
        connection.exec_driver_sql("delete from public.pdf_documents where file_size <= 1000")
        connection.exec_driver_sql("select pg_stat_force_next_flush()")
    assert of(optimize(world_database, user("editor")), "table_bloat") == {}
    found = of(optimize(world_database, SERVICE), "table_bloat")
    assert list(found) == ["public.pdf_documents"]
    details = found["public.pdf_documents"]["details"]
    assert details.startswith("About 33 % of the rows in the table are dead.")
    assert "VACUUM" in details


@both_majors
@pytest.mark.parametrize("name", ["viewer", "member"])
def test_those_who_only_read_are_refused(worlds: Worlds, major: int, name: str) -> None:
    with rolled_back(worlds(major)) as connection:
        refused = refusal(connection, user(name), CALL, workspace=W.a)
    assert (refused.state, refused.message) == (
        "42501",
        "this needs the permission manage_documents",
    )


@pytest.mark.parametrize("asker", OUTSIDERS, ids=str)
def test_a_request_without_a_workspace_is_refused(worlds: Worlds, asker: Asker) -> None:
    with rolled_back(worlds()) as connection:
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
@pytest.mark.parametrize("asker", [SERVICE, TABLES], ids=str)
def test_roles_that_see_everything_must_name_a_workspace_that_exists(
    worlds: Worlds, major: int, asker: Asker
) -> None:
    with rolled_back(worlds(major)) as connection:
        unnamed = refusal(connection, asker, CALL, workspace=None)
        assert (unnamed.state, unnamed.message) == ("22004", "no workspace is named")
        unknown = refusal(connection, asker, CALL, workspace=NOWHERE)
        assert (unknown.state, unknown.message) == (
            "22023",
            f"workspace {NOWHERE} does not exist",
        )


def test_anon_cannot_call_them(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        refused = refusal(connection, ANON, CALL, workspace=W.a)
    assert refused.state == "42501"
    assert "permission denied for function" in refused.message


def test_the_function_of_the_owner_is_closed_to_users(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        refused = refusal(connection, user("owner"), "mivaa.refresh_statistics()")
    assert refused.state == "42501"
    assert "permission denied for function" in refused.message


@pytest.mark.parametrize("asker", [*OUTSIDERS, user("viewer"), user("member")], ids=str)
def test_the_private_function_checks_the_permission_itself(worlds: Worlds, asker: Asker) -> None:
    with rolled_back(worlds()) as connection:
        refused = refusal(connection, asker, "mivaa.refresh_statistics_of_request()")
    assert (refused.state, refused.message) == (
        "42501",
        "this needs the permission manage_documents in a workspace",
    )
