"""Keys and checks that the upgrade left off, or NOT VALID, because rows did not meet them."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from mivaa_schema import history, migrations
from mivaa_schema.operations import adopt, run, validate
from mivaa_schema.operations.sql import qualified, quote
from mivaa_schema.repair.base import FOLDER, Finding, Options, Repair

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from mivaa_schema.history import SchemaObject
    from mivaa_schema.operations import Operation
    from mivaa_schema.repair.session import WriteSession


class Constraints(Repair):
    """Adds and validates them as the upgrade would, so that a downgrade drops them.

    Rows that do not meet a unique or an exclusion constraint end the upgrade itself, so none of
    these is left off.
    """

    def __init__(self) -> None:
        does = "adds and validates the keys and checks that the upgrade could not, once rows meet"
        super().__init__("constraints", f"{does} them")

    def survey(self, connection: Connection, options: Options) -> list[Finding]:
        """What is missing or NOT VALID, and how many rows do not meet it."""
        found = []
        for one in _open(connection):
            rows = _violations(connection, one)
            reason = f"{rows} row(s) do not meet it" if rows else None
            found.append(Finding(f"constraint {one['name']} of {one['table']}", 1, reason))
        return found

    def apply(self, session: WriteSession, options: Options) -> None:
        """Add and validate those that every row meets; each is committed by itself."""
        for one in _open(session.connection):
            if not _violations(session.connection, one):
                session.connection.rollback()
                # Each is a transaction of its own: the scan holds no strong lock.
                for operation in (adopt, validate):
                    session.run(partial(_run, session, operation, one))


def _run(
    session: WriteSession, operation: Callable[[SchemaObject], Operation], one: SchemaObject
) -> None:
    """Run an operation of the revisions outside of them."""
    options = {"mivaa_timeouts": migrations.timeouts(session.settings)}
    context = MigrationContext.configure(connection=session.connection, opts=options)
    with Operations.context(context):
        run(operation(one))


def _open(connection: Connection) -> list[SchemaObject]:
    """The constraints that the upgrade would add or validate on this database."""
    objects = [
        {
            **one,
            "relation": qualified(one["table"]),
            "target": qualified(one["references"]) if "references" in one else None,
        }
        for one in history.objects("foreign_key", "check")
    ]
    sql = (FOLDER / "open_constraints.sql").read_text(encoding="utf-8")
    return list(connection.execute(text(sql), {"objects": json.dumps(objects)}).scalars())


def _violations(connection: Connection, one: SchemaObject) -> int:
    """How many rows do not meet a constraint."""
    if one["kind"] == "check":
        violates = f"not ({one['condition']})"
    else:
        columns = [f"t.{quote(name)}" for name in one["columns"]]
        referenced = [f"r.{quote(name)}" for name in one["referenced_columns"]]
        pairs = zip(columns, referenced, strict=True)
        matches = " and ".join(f"{theirs} = {ours}" for ours, theirs in pairs)
        complete = " and ".join(f"{column} is not null" for column in columns)
        violates = f"{complete} and not exists (select from {one['target']} r where {matches})"
    sql = f"select count(*) from {one['relation']} t where {violates}"
    # Verbatim: a condition may hold colons and percent signs.
    verbatim = {"no_parameters": True}
    return int(connection.exec_driver_sql(sql, execution_options=verbatim).scalar_one())
