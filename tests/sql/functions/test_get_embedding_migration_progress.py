"""get_embedding_migration_progress: how far the move is, and for whom."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from fixtures.calls import Refusal
from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.people import INACTIVE, ROLES, World, acting, as_user
from fixtures.shelves import BOTH

if TYPE_CHECKING:
    from sql.functions.conftest import Library

W = World()
TABLES = ("documents", "document_chunks")
STATES = ("completed", "pending", "failed", "skipped")


def progress(connection: Connection) -> dict[str, Any]:
    rows = connection.exec_driver_sql("select * from public.get_embedding_migration_progress()")
    return {row.table_name: row for row in rows}


def counted(made: Database, table: str, workspace: Any = None) -> Counter[str]:
    sql = f"select embedding_migration_status from public.{table}"
    with made.superuser() as connection:
        where = sa.text(sql + " where cast(:w as uuid) is null or workspace_id = :w")
        return Counter(connection.execute(where, {"w": workspace}).scalars())


def assert_counts(row: Any, states: Counter[str]) -> None:
    total = sum(states.values())
    found = (row.migrated_records, row.pending_records, row.failed_records, row.skipped_records)
    assert found == tuple(states[state] for state in STATES)
    assert row.total_records == total == sum(found)
    percentage = round(Decimal(100) * states["completed"] / total, 2)
    assert row.migration_percentage == percentage


@pytest.fixture
def mixed(library: Library) -> Library:
    """The library, with rows in every state; the same each time."""
    shelf = library.halfway
    with library.database.owner() as connection:
        for table, function in zip(TABLES, BOTH, strict=True):
            for row, state in {1: "failed", 3: "skipped", 5: "skipped"}.items():
                connection.execute(
                    sa.text(
                        f"update public.{table} set embedding_migration_status = :state"
                        " where id = :id"
                    ),
                    {"state": state, "id": shelf.id(function, row)},
                )
    return library


@both_majors
def test_a_reader_sees_the_own_workspace_only(mixed: Library) -> None:
    with as_user(mixed.database, mixed.halfway.reader) as connection:
        rows = progress(connection)
    assert list(rows) == list(TABLES)
    for table in TABLES:
        states = counted(mixed.database, table, mixed.halfway.workspace)
        assert set(states) == set(STATES), "every state must occur for this test to say anything"
        assert_counts(rows[table], states)


@both_majors
@pytest.mark.parametrize("role", ["service_role", "owner"])
def test_roles_that_see_all_get_the_whole_platform(mixed: Library, role: str) -> None:
    made = mixed.database
    with made.owner() if role == "owner" else acting(made, role) as connection:
        rows = progress(connection)
    for table in TABLES:
        assert_counts(rows[table], counted(made, table))


@both_majors
@pytest.mark.parametrize("role", ROLES)
def test_every_role_may_ask(library: Library, role: str) -> None:
    with as_user(library.database, W.person(role)) as connection:
        rows = progress(connection)
    assert_counts(rows["documents"], counted(library.database, "documents", W.a))


@both_majors
@pytest.mark.parametrize("name", [*INACTIVE, "stranger"])
def test_a_user_without_a_workspace_is_refused(library: Library, name: str) -> None:
    with (
        pytest.raises(exc.DBAPIError) as caught,
        as_user(library.database, W.person(name)) as connection,
    ):
        progress(connection)
    assert Refusal.of(caught.value).state == "42501"


@both_majors
def test_anon_may_not_call_it(library: Library) -> None:
    with (
        acting(library.database, "anon") as connection,
        pytest.raises(exc.ProgrammingError, match="permission denied"),
    ):
        progress(connection)


def test_an_empty_platform_has_no_percentage(head_database: Database) -> None:
    with head_database.owner() as connection:
        rows = progress(connection)
    assert [tuple(row)[1:] for row in rows.values()] == [(0, 0, 0, None, 0, 0)] * 2
