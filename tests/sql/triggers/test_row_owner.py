"""A user gives rows to active members of the workspace, and to nobody else."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from fixtures.calls import Refusal
from fixtures.databases import Database
from fixtures.people import World, acting, as_user, named

W = World()
TABLES = pytest.mark.parametrize("table", ["documents", "pdf_documents", "processed_documents"])


def give(connection: Connection, table: str, to: str | None, row: str = "editor") -> int:
    sql = sa.text(f"update public.{table} set user_id = :to where id = :id")
    values: dict[str, Any] = {"to": named(to) if to else None, "id": W.row(table, row)}
    return connection.execute(sql, values).rowcount


@TABLES
@pytest.mark.parametrize("to", ["viewer", "both", "owner"])
def test_an_editor_gives_rows_to_members(shared_world: Database, table: str, to: str) -> None:
    with as_user(shared_world, W.person("editor")) as connection:
        assert give(connection, table, to) == 1
        assert give(connection, table, to, row="second_editor") == 1


@TABLES
@pytest.mark.parametrize("to", ["stranger", "owner_of_b", "invited", "suspended", "removed"])
def test_nobody_gives_rows_to_others(shared_world: Database, table: str, to: str) -> None:
    for role in ("owner", "admin", "editor"):
        with as_user(shared_world, W.person(role)) as connection:
            with pytest.raises(exc.DBAPIError) as caught:
                give(connection, table, to)
            refused = Refusal.of(caught.value)
            assert refused.state == "42501"
            assert refused.message == f"user {named(to)} is no active member of this workspace"
            assert refused.hint == "A row can be given to an active member of its workspace."


@TABLES
def test_a_row_can_be_left_to_nobody(shared_world: Database, table: str) -> None:
    with as_user(shared_world, W.person("editor")) as connection:
        assert give(connection, table, None) == 1


@TABLES
def test_a_row_that_stays_with_a_former_member_can_still_be_edited(
    shared_world: Database, table: str
) -> None:
    column = "filename" if table == "pdf_documents" else "content"
    edit = sa.text(f"update public.{table} set {column} = 'x', user_id = user_id where id = :id")
    with as_user(shared_world, W.person("editor")) as connection:
        assert connection.execute(edit, {"id": W.row(table, "removed")}).rowcount == 1


@TABLES
def test_service_role_is_not_judged(shared_world: Database, table: str) -> None:
    with acting(shared_world, "service_role") as connection:
        assert give(connection, table, "stranger") == 1


@TABLES
def test_the_owner_of_the_tables_is_not_judged(owner: Connection, table: str) -> None:
    assert give(owner, table, "stranger") == 1
