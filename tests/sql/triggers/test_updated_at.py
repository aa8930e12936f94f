"""updated_at is kept; writing an embedding is no edit."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fixtures.people import World

W = World()
LONG_AGO = "2001-02-03 04:05:06+00"
EDITS = {
    "workspaces": "name = 'x'",
    "workspace_members": "role = 'viewer'",
    "documents": "title = 'x'",
    "document_chunks": "content = 'x'",
    "pdf_documents": "filename = 'x'",
    "processed_documents": "content = 'x'",
}
VECTOR = "array_fill(0.5::real, array[768])::vector"
LEGACY = "array_fill(0.5::real, array[1536])::vector"


@pytest.fixture
def aged(superuser: Connection) -> Connection:
    """All rows were last edited long ago."""
    superuser.exec_driver_sql("set local session_replication_role = replica")
    for table in EDITS:
        superuser.exec_driver_sql(f"update public.{table} set updated_at = '{LONG_AGO}'")
    superuser.exec_driver_sql("set local session_replication_role = origin")
    return superuser


def edited(connection: Connection, table: str, change: str) -> dict[str, int]:
    """Rows of the table by whether the change counted as an edit."""
    connection.exec_driver_sql(f"update public.{table} set {change}")
    counts = sa.text(
        "select count(*) filter (where updated_at = now()) as edited,"
        f" count(*) filter (where updated_at = :long_ago) as kept from public.{table}"
    )
    found: Any = connection.execute(counts, {"long_ago": LONG_AGO}).one()
    return dict(found._mapping)


@pytest.mark.parametrize("table", EDITS)
def test_an_edit_changes_updated_at(aged: Connection, table: str) -> None:
    found = edited(aged, table, EDITS[table])
    assert found["edited"] > 0
    assert found["kept"] == 0


@pytest.mark.parametrize("table", EDITS)
def test_nobody_can_set_updated_at_otherwise(aged: Connection, table: str) -> None:
    found = edited(aged, table, "updated_at = '1999-01-01'")
    assert found["edited"] > 0
    assert found["kept"] == 0


@pytest.mark.parametrize("table", ["documents", "document_chunks"])
@pytest.mark.parametrize(
    "change",
    [
        f"embedding_v2 = {VECTOR}",
        f"embedding = {LEGACY}",
        "embedding_model = 'text-embedding-3-small'",
        "embedding_migration_status = 'failed'",
        f"embedding_v2 = {VECTOR}, embedding_model = 'm', embedding_migrated_at = now()",
        f"embedding = null, embedding_v2 = {VECTOR}",
        "embedding_v2 = embedding_v2",
    ],
)
def test_writing_an_embedding_is_no_edit(aged: Connection, table: str, change: str) -> None:
    found = edited(aged, table, change)
    assert found["kept"] > 0
    assert found["edited"] == 0


@pytest.mark.parametrize("table", ["documents", "document_chunks"])
def test_writing_an_embedding_with_other_columns_is_an_edit(aged: Connection, table: str) -> None:
    found = edited(aged, table, f"embedding_v2 = {VECTOR}, metadata = '{{\"a\": 1}}'")
    assert found["edited"] > 0
    assert found["kept"] == 0


def test_a_document_that_is_moved_changes_updated_at_of_its_chunks(aged: Connection) -> None:
    row = {"id": W.row("documents", "viewer")}
    aged.exec_driver_sql("set constraints all deferred")
    aged.execute(sa.text(f"update public.documents set workspace_id = '{W.b}' where id = :id"), row)
    chunk = sa.text("select updated_at = now() from public.document_chunks where document_id = :id")
    assert aged.execute(chunk, row).scalar_one() is True
