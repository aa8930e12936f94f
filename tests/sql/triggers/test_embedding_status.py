"""The status of an embedding is true to the embedding, whoever writes what in which order."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fixtures.calls import Worlds
from fixtures.clusters import both_majors
from fixtures.people import World, as_user, named

W = World()
TABLES = pytest.mark.parametrize("table", ["documents", "document_chunks"])
FIRST = "array_fill(0.5::real, array[768])::vector"
SECOND = "array_fill(0.25::real, array[768])::vector"
LONG_AGO = "'2001-02-03 04:05:06+00'::timestamptz"


class Row:
    """One row, and what is known about its embedding."""

    def __init__(self, connection: Connection, table: str) -> None:
        self.connection = connection
        self.table = table
        self.id = W.row(table, "editor")

    def write(self, change: str) -> None:
        done = self.connection.execute(
            sa.text(f"update public.{self.table} set {change} where id = :id"), {"id": self.id}
        )
        assert done.rowcount == 1

    def state(self) -> tuple[str, bool]:
        """The status, and whether it says when the embedding was written."""
        asked = sa.text(
            "select embedding_migration_status, embedding_migrated_at is not null"
            f" from public.{self.table} where id = :id"
        )
        found = self.connection.execute(asked, {"id": self.id}).one()
        return found[0], found[1]

    def is_dated_now(self) -> bool:
        asked = sa.text(
            f"select embedding_migrated_at = now() from public.{self.table} where id = :id"
        )
        return bool(self.connection.execute(asked, {"id": self.id}).scalar_one())


PENDING = ("pending", False)
COMPLETED = ("completed", True)


@TABLES
def test_a_row_with_a_new_embedding_is_completed(owner: Connection, table: str) -> None:
    row = Row(owner, table)
    assert row.state() == PENDING
    row.write(f"embedding_v2 = {FIRST}")
    assert row.state() == COMPLETED


@TABLES
@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_an_embedding_ends_a_failure(owner: Connection, table: str, status: str) -> None:
    row = Row(owner, table)
    row.write(f"embedding_migration_status = '{status}'")
    row.write(f"embedding_v2 = {FIRST}")
    assert row.state() == COMPLETED


@TABLES
def test_a_row_that_comes_with_its_embedding_is_completed(owner: Connection, table: str) -> None:
    columns, values = {
        "documents": ("title", "'x'"),
        "document_chunks": (
            "document_id, chunk_index, content",
            f"'{W.row('documents', 'editor')}', 9, 'x'",
        ),
    }[table]
    state = owner.exec_driver_sql(
        f"insert into public.{table} (workspace_id, embedding_v2, {columns})"
        f" values ('{W.a}', {FIRST}, {values})"
        " returning embedding_migration_status, embedding_migrated_at is not null"
    ).one()
    assert tuple(state) == COMPLETED


@TABLES
def test_a_row_that_is_written_with_a_status_keeps_it(owner: Connection, table: str) -> None:
    row = Row(owner, table)
    row.write(
        f"embedding_v2 = {FIRST}, embedding_migration_status = 'completed',"
        f" embedding_migrated_at = {LONG_AGO}"
    )
    assert row.state() == COMPLETED
    assert not row.is_dated_now()
    row.write(f"embedding_v2 = {SECOND}, embedding_migration_status = 'failed'")
    assert row.state() == ("failed", True)


@TABLES
def test_a_second_embedding_has_a_time_of_its_own(owner: Connection, table: str) -> None:
    row = Row(owner, table)
    row.write(f"embedding_v2 = {FIRST}, embedding_migrated_at = {LONG_AGO}")
    assert not row.is_dated_now()
    row.write(f"embedding_v2 = {SECOND}")
    assert row.is_dated_now()


@TABLES
def test_changed_content_waits_for_a_new_embedding(owner: Connection, table: str) -> None:
    row = Row(owner, table)
    row.write(f"embedding_v2 = {FIRST}")
    row.write("content = 'changed'")
    assert row.state() == PENDING


@TABLES
@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_changed_content_gives_a_failed_row_another_chance(
    owner: Connection, table: str, status: str
) -> None:
    row = Row(owner, table)
    row.write(f"embedding_migration_status = '{status}'")
    row.write("content = 'changed'")
    assert row.state() == PENDING


@TABLES
@pytest.mark.parametrize("change", ["content = content", "metadata = '{\"a\": 1}'"])
def test_other_edits_leave_the_status_alone(owner: Connection, table: str, change: str) -> None:
    row = Row(owner, table)
    row.write(f"embedding_v2 = {FIRST}")
    row.write(change)
    assert row.state() == COMPLETED


@TABLES
def test_changed_content_with_its_new_embedding_is_completed(owner: Connection, table: str) -> None:
    row = Row(owner, table)
    row.write(f"content = 'changed', embedding_v2 = {FIRST}")
    assert row.state() == COMPLETED
    row.write(f"content = 'again', embedding_v2 = {SECOND}")
    assert row.state() == COMPLETED


@TABLES
def test_changed_content_with_a_status_of_its_own_keeps_that(owner: Connection, table: str) -> None:
    row = Row(owner, table)
    row.write("content = 'changed', embedding_migration_status = 'skipped'")
    assert row.state() == ("skipped", False)


@TABLES
def test_a_stale_embedding_that_is_written_back_does_not_pass_for_new(
    owner: Connection, table: str
) -> None:
    """As object mappers and whole-row updates do it."""
    row = Row(owner, table)
    row.write(f"embedding_v2 = {FIRST}")
    row.write(f"content = 'changed', embedding_v2 = {FIRST}")
    assert row.state() == PENDING
    row.write(f"content = 'changed again', embedding_v2 = {FIRST}")
    assert row.state() == PENDING
    row.write("embedding_v2 = embedding_v2")
    assert row.state() == PENDING


@TABLES
def test_a_row_that_loses_its_embedding_is_pending(owner: Connection, table: str) -> None:
    row = Row(owner, table)
    row.write(f"embedding_v2 = {FIRST}")
    row.write("embedding_v2 = null")
    assert row.state() == PENDING


@TABLES
def test_changed_content_without_its_embedding_is_pending(owner: Connection, table: str) -> None:
    row = Row(owner, table)
    row.write(f"embedding_v2 = {FIRST}")
    row.write("content = 'changed', embedding_v2 = null")
    assert row.state() == PENDING
    row.write(f"embedding_v2 = {FIRST}, embedding_migration_status = 'failed'")
    row.write("content = 'again', embedding_v2 = null")
    assert row.state() == PENDING


@both_majors
@TABLES
def test_it_is_the_same_for_a_user_of_the_api(worlds: Worlds, major: int, table: str) -> None:
    with as_user(worlds(major), W.person("editor")) as connection:
        row = Row(connection, table)
        row.write(f"embedding_v2 = {FIRST}")
        assert row.state() == COMPLETED
        row.write("content = 'changed'")
        assert row.state() == PENDING
        connection.exec_driver_sql(
            "insert into public.documents (workspace_id, user_id, content)"
            f" values ('{W.a}', '{named('editor')}', 'x')"
        )
