"""SQL text that reads the same online, offline and in a rollback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from textwrap import indent

from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import Column, CreateColumn, MetaData, Table

API_ROLES = ("anon", "authenticated", "service_role")
"""The roles through which requests reach the database; PUBLIC is named beside them."""

EVERY_API_GRANTEE = ", ".join(("public", *API_ROLES))

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


_message: ContextVar[list[str] | None] = ContextVar("message", default=None)
_commits_alone: ContextVar[bool] = ContextVar("commits_alone", default=False)


def run(*statements: str) -> None:
    """Send statements exactly as they stand; offline, print them exactly so.

    Alembic's own ``op.execute`` reads colons as bind parameters and percent signs as formats, and
    does so differently online and offline. What a database administrator reads in the offline
    script must be what the online run sends, to the letter.
    """
    collected = _message.get()
    if collected is not None:
        collected.extend(statements)
        return
    context = op.get_context()
    for statement in statements:
        if context.as_sql:
            context.impl.static_output(statement + context.impl.command_terminator)
        else:
            assert context.connection is not None  # noqa: S101 - Alembic's own invariant online
            context.connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


@contextmanager
def in_one_message() -> Iterator[None]:
    """Collect what is run inside of the block and send it as a whole; offline, print it.

    A message of several statements is one transaction even where none is open.
    """
    if _message.get() is not None:
        yield
        return
    statements: list[str] = []
    token = _message.set(statements)
    try:
        yield
    finally:
        _message.reset(token)
    if not op.get_context().as_sql:
        run(";\n".join(statements))
    elif _commits_alone.get():
        run("begin", *statements, "commit")
    else:
        run(*statements)


@contextmanager
def committing_alone() -> Iterator[None]:
    """Leave the transaction of the revision: what is sent inside of the block commits by itself."""
    token = _commits_alone.set(True)
    try:
        with op.get_context().autocommit_block():
            yield
    finally:
        _commits_alone.reset(token)


def block(body: str, declare: str = "") -> str:
    """Wrap plpgsql statements in an anonymous block, for decisions that the database takes."""
    head = f"declare\n{indent(declare.strip(), '  ')}\n" if declare else ""
    return f"do $mivaa$\n{head}begin\n{indent(body.strip(), '  ')}\nend\n$mivaa$"


def when(condition: str, then: str, otherwise: str = "") -> str:
    """Render ``if ... then ... [else ...] end if;`` around statements."""
    text = f"if {condition} then\n{indent(then.strip(), '  ')}\n"
    if otherwise.strip():
        text += f"else\n{indent(otherwise.strip(), '  ')}\n"
    return text + "end if;"


def literal(text: str) -> str:
    """Quote text as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def text_array(names: Iterable[str]) -> str:
    """Render names as an array literal of type text[]."""
    return "array[" + ", ".join(literal(name) for name in names) + "]::text[]"


def added_column_ddl(column: Column[object]) -> str:
    """Render a column as it stands after ADD COLUMN to a table that may hold rows.

    Without a default, those rows have nothing to put there, so the column is nullable.
    """
    added = column._copy()
    added.nullable = column.nullable or column.server_default is None
    Table("_", MetaData(), added)
    return str(CreateColumn(added).compile(dialect=DIALECT)).strip()


def has_column(table: str, column: str) -> str:
    """A condition: the table has this column."""
    return (
        "exists (select from pg_catalog.pg_attribute"
        f" where attrelid = to_regclass({literal(table)})"
        f" and attname = {literal(column)} and not attisdropped)"
    )


def has_constraint(table: str, name: str) -> str:
    """A condition: the table has a constraint of this name."""
    return (
        "exists (select from pg_catalog.pg_constraint"
        f" where conrelid = {literal(table)}::regclass and conname = {literal(name)})"
    )


def columns_of_key(key: str, relation: str) -> str:
    """The names behind an array of column numbers, in the order of the key, as text[]."""
    return (
        "(select array_agg(a.attname::text order by k.position)"
        f" from unnest({key}) with ordinality k (attnum, position)"
        f" join pg_catalog.pg_attribute a on a.attrelid = {relation} and a.attnum = k.attnum)"
    )
