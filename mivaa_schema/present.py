"""The present schema, built at once from models and SQL files, without its history."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from alembic_utils.pg_function import PGFunction
from sqlalchemy import exc
from sqlalchemy.schema import (
    AddConstraint,
    CreateIndex,
    CreateTable,
    SetColumnComment,
    SetTableComment,
)

from mivaa_schema import entities
from mivaa_schema.errors import SqlFileRefused
from mivaa_schema.migrations import describe, make_private_schema
from mivaa_schema.models import Base
from mivaa_schema.operations.entities import qualified_function
from mivaa_schema.operations.frozen import read_entity
from mivaa_schema.operations.sql import EVERY_API_GRANTEE

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Connection
    from sqlalchemy.schema import Table

TABLES: list[Table] = [
    table for table in Base.metadata.sorted_tables if table.info.get("owner") != "platform"
]
"""Our tables, those that others point at first."""


def name_of(table: Table) -> str:
    """The qualified name of a table, which has no schema of its own in the models."""
    return f"{table.schema or 'public'}.{table.name}"


def build(connection: Connection, *, with_entities: bool = True) -> None:
    """Build everything of ours in a database with the platform, vector, and nothing of ours.

    This is the second road to the schema: what ``alembic upgrade head`` arrives at step by step
    must be what stands here.

    Args:
        connection: A connection in a transaction, with ``public, extensions`` as its search path.
        with_entities: Without it, neither functions, triggers and policies nor what is granted
            and said about them.

    Raises:
        SqlFileRefused: If the database does not accept a file.
    """
    run(connection, *make_private_schema())
    create_tables(connection)
    for table in map(name_of, TABLES):
        run(
            connection,
            f"alter table {table} enable row level security",
            f"revoke all on {table} from {EVERY_API_GRANTEE}",
        )
    run(connection, *entities.listed("storage.sql"))
    grants = entities.listed("grants.sql")
    if with_entities:
        create_entities(connection)
        run(connection, *grants, *entities.listed("comments.sql"))
    else:
        run(connection, *(grant for grant in grants if " on function " not in grant))


def create_tables(connection: Connection) -> None:
    """Create the tables, then their indexes, then their keys, which may need those indexes."""
    for table in TABLES:
        connection.execute(CreateTable(table, include_foreign_key_constraints=[]))
        set_comments(connection, table)
    for table in TABLES:
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            connection.execute(CreateIndex(index))
    for table in TABLES:
        for key in table.foreign_key_constraints:
            connection.execute(AddConstraint(key, isolate_from_table=False))


def set_comments(connection: Connection, table: Table) -> None:
    """Say what a table and its columns hold."""
    if table.comment:
        connection.execute(SetTableComment(table))
    for column in table.columns:
        if column.comment:
            connection.execute(SetColumnComment(column))


def create_entities(connection: Connection) -> None:
    """Create functions, triggers and policies; functions closed to all but their owner."""
    # Bodies are looked at when they run: so the order of the files does not matter.
    run(connection, "set local check_function_bodies = off", "select '[1]'::vector")
    for path in entities.files().values():
        create(connection, path)
    for function in entities.entities("functions"):
        assert isinstance(function, PGFunction)  # noqa: S101 - as the folder says
        name = qualified_function(function)
        run(connection, f"revoke all on function {name} from {EVERY_API_GRANTEE}")


def create(connection: Connection, path: Path, *, replace: bool = False) -> None:
    """Create what a file holds, or put it in the place of a function that is there.

    Raises:
        SqlFileRefused: If the database does not accept it.
    """
    read_entity(path)
    text = path.read_text(encoding="utf-8")
    if replace:
        text = re.sub(r"\Acreate ", "create or replace ", text, flags=re.IGNORECASE)
    try:
        with connection.begin_nested():
            run(connection, text)
    except exc.DBAPIError as error:
        code = getattr(error.orig, "pgcode", None)
        raise SqlFileRefused(path=path, detail=describe(error), code=code) from error


def run(connection: Connection, *statements: str) -> None:
    """Execute statements as they stand: neither colons nor percent signs mean anything."""
    for statement in statements:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
