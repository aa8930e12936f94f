"""Keys and checks that the upgrade left off, or NOT VALID, because rows did not meet them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from mivaa_schema import history
from mivaa_schema.operations import adopt_constraint, run, validate
from mivaa_schema.repair.base import Finding, Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from mivaa_schema.history import SchemaObject
    from mivaa_schema.operations import Operation
    from mivaa_schema.repair.session import WriteSession


class Constraints:
    """Adds and validates them as the upgrade would, so that a downgrade drops them."""

    name = "constraints"
    description = (
        "adds and validates the keys and checks that the upgrade could not, once rows meet them"
    )
    accepts: frozenset[str] = frozenset()
    workspace_must_exist = True

    def check(self, options: Options) -> None:
        """Every option makes sense."""

    def survey(self, connection: Connection, options: Options) -> list[Finding]:
        """What is missing or NOT VALID, and how many rows do not meet it."""
        found = []
        for constraint in _open(connection):
            rows = _violations(connection, constraint)
            reason = f"{rows} row(s) do not meet it" if rows else None
            name = f"constraint {constraint['name']} of {constraint['table']}"
            found.append(Finding(name, 1, reason))
        return found

    def apply(self, session: WriteSession, options: Options) -> None:
        """Add and validate those that every row meets; each is committed by itself."""
        for constraint in _open(session.connection):
            if not _violations(session.connection, constraint):
                session.connection.rollback()
                # Each is a transaction of its own: the scan holds no strong lock.
                for operation in (adopt_constraint, validate):
                    session.run(partial(_run, session, operation, constraint))


def _run(
    session: WriteSession, operation: Callable[[SchemaObject], Operation], one: SchemaObject
) -> None:
    """Run an operation of the revisions outside of them."""
    context = MigrationContext.configure(
        connection=session.connection, opts={"mivaa_timeouts": session.timeouts}
    )
    with Operations.context(context):
        run(operation(one))


def _open(connection: Connection) -> list[SchemaObject]:
    """The constraints that the upgrade would add or validate on this database."""
    return [
        one
        for one in history.objects("foreign_key", "check")
        if connection.execute(
            text(_IS_OPEN),
            {
                "relation": _quoted(one["table"]),
                "name": one["name"],
                "object_name": f"{one['table']}.{one['name']}",
                "target": _quoted(one["references"]) if "references" in one else None,
                "columns": one.get("columns"),
                "not_null": one.get("not_null"),
            },
        ).scalar_one()
    ]


# A constraint of that name that the upgrade did not add belongs to the platform.
_IS_OPEN = """
select case
  when exists (
    select from pg_catalog.pg_constraint c
    where c.conrelid = to_regclass(:relation) and c.conname = :name
  )
  then exists (
    select from pg_catalog.pg_constraint c
    where c.conrelid = to_regclass(:relation) and c.conname = :name and not c.convalidated
  ) and exists (
    select from mivaa.ledger l where l.kind = 'constraint' and l.object_name = :object_name
  )
  -- A key over the same columns to the same table, or NOT NULL of the column, does the same.
  else not exists (
    select from pg_catalog.pg_constraint c
    where c.contype = 'f' and c.conrelid = to_regclass(:relation)
      and c.confrelid = to_regclass(cast(:target as text))
      and cast(:columns as text[]) = (
        select array_agg(a.attname::text order by k.position)
        from unnest(c.conkey) with ordinality k (attnum, position)
        join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum)
  ) and not exists (
    select from pg_catalog.pg_attribute a
    where a.attrelid = to_regclass(:relation) and a.attname = cast(:not_null as text)
      and a.attnotnull
  )
end
"""


def _violations(connection: Connection, one: SchemaObject) -> int:
    """How many rows do not meet a constraint."""
    if one["kind"] == "check":
        violates = f"not ({one['condition']})"
    else:
        columns = [f"t.{_PREPARER.quote(name)}" for name in one["columns"]]
        referenced = [f"r.{_PREPARER.quote(name)}" for name in one["referenced_columns"]]
        pairs = zip(columns, referenced, strict=True)
        matches = " and ".join(f"{theirs} = {ours}" for ours, theirs in pairs)
        complete = " and ".join(f"{column} is not null" for column in columns)
        target = _quoted(one["references"])
        violates = f"{complete} and not exists (select from {target} r where {matches})"
    sql = f"select count(*) from {_quoted(one['table'])} t where {violates}"
    # Verbatim: a condition may hold colons and percent signs.
    verbatim = {"no_parameters": True}
    return int(connection.exec_driver_sql(sql, execution_options=verbatim).scalar_one())


# With the default parameter style, percent signs of names would be doubled.
_PREPARER = postgresql.dialect(paramstyle="named").identifier_preparer  # type: ignore[no-untyped-call]


def _quoted(table: str) -> str:
    return ".".join(map(_PREPARER.quote, table.split(".", 1)))


REPAIR = Constraints()
