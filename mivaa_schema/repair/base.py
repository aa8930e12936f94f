"""What a repair is: it finds invalid rows, says which of them it can repair, and repairs those."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import text

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.engine import Connection

    from mivaa_schema.repair.session import WriteSession

BATCH = 1000
"""Rows that are read, and committed, at a time."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the owner has decided.

    Attributes:
        workspace: Change nothing but what belongs to this workspace, or goes to it.
        mapping: A known value for each unknown one; an empty key stands for null and ''.
        batch: Rows that are read, and committed, at a time.
    """

    workspace: uuid.UUID | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    batch: int = BATCH

    def parameters(self) -> dict[str, Any]:
        """The same as bind parameters of a statement."""
        return {
            "workspace": None if self.workspace is None else str(self.workspace),
            "map": json.dumps(dict(self.mapping)),
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """What is invalid, of one kind and in one place.

    Attributes:
        object: The table or constraint.
        count: How many rows or constraints; None if that cannot be seen.
        reason: Why they cannot be repaired yet, and what helps; None if they can.
    """

    object: str
    count: int | None
    reason: str | None = None


class Repair(Protocol):
    """A named repair."""

    @property
    def name(self) -> str:
        """The name by which the command calls it."""

    @property
    def description(self) -> str:
        """What it does, as the rest of a sentence that begins with its name."""

    @property
    def accepts(self) -> frozenset[str]:
        """Those of the options ``workspace`` and ``map`` that it uses."""

    @property
    def workspace_must_exist(self) -> bool:
        """Whether ``workspace`` has to be one of those that exist."""

    def check(self, options: Options) -> None:
        """Refuse options that make no sense."""

    def survey(self, connection: Connection, options: Options) -> list[Finding]:
        """Everything that is invalid; changes nothing."""

    def apply(self, session: WriteSession, options: Options) -> None:
        """Repair what can be repaired; interrupted at any point, it continues when run again."""


@dataclass(frozen=True, slots=True)
class TableRepair:
    """Invalid rows of one table, and the statement that repairs them.

    Attributes:
        table: Qualified name; its key is ``id uuid``.
        invalid: A query for the invalid rows (the table is called ``t`` there): ``id``, the
            ``workspace`` that the repair of the row concerns, ``reason`` as in :class:`Finding`,
            and whatever ``statement`` needs.
        statement: A statement over ``invalid``, those of the rows that can be repaired. It tests
            again what makes a row invalid: users may have changed it meanwhile.
        lookup: A query for one row, run once; its columns are parameters of the other two.
    """

    table: str
    invalid: str
    statement: str
    lookup: str = ""


@dataclass(frozen=True, slots=True)
class RowRepair:
    """A repair of rows, table by table, in batches along the primary key.

    Attributes:
        reads: A table of the platform's that it reads, and for which the right may be missing.
    """

    name: str
    description: str
    tables: tuple[TableRepair, ...]
    accepts: frozenset[str] = frozenset({"workspace"})
    workspace_must_exist: bool = True
    reads: str = ""

    def check(self, options: Options) -> None:
        """Every option makes sense."""

    def survey(self, connection: Connection, options: Options) -> list[Finding]:
        """Count the invalid rows, by table and reason."""
        if self.reads and not _is_readable(connection, self.reads):
            # What cannot be seen would look as if it did not exist.
            return [Finding(self.reads, None, f"{_UNREADABLE} {self.reads}")]
        found = []
        for one in self.tables:
            rows = connection.execute(
                text(
                    f"select i.reason, count(*) from ({one.invalid}) i where {_IN_SCOPE}"
                    " group by i.reason order by i.reason nulls first"
                ),
                _parameters(connection, one, options),
            )
            found += [Finding(one.table, count, reason) for reason, count in rows]
        return found

    def apply(self, session: WriteSession, options: Options) -> None:
        """Walk through each table; a batch is a transaction of its own."""
        for one in self.tables:
            parameters = _parameters(session.connection, one, options)
            session.connection.rollback()
            after: Any = None
            while True:
                until = session.run(
                    partial(_batch, session.connection, one, parameters, after, options.batch)
                )
                if until is None:
                    break
                after = until


_UNREADABLE = "you cannot read every row of it: let its owner run grant select (id) on"
_IN_SCOPE = "(cast(:workspace as uuid) is null or i.workspace = cast(:workspace as uuid))"


def _parameters(connection: Connection, one: TableRepair, options: Options) -> dict[str, Any]:
    parameters = options.parameters()
    if one.lookup:
        parameters |= connection.execute(text(one.lookup), parameters).mappings().one()
    return parameters


def _batch(
    connection: Connection, one: TableRepair, parameters: dict[str, Any], after: Any, batch: int
) -> Any:
    """Repair the next rows of a table, and return the id of the last one, or None at the end."""
    until = connection.execute(
        text(
            f"select w.id::text from (select t.id from {one.table} t"
            " where cast(:after as uuid) is null or t.id > cast(:after as uuid)"
            " order by t.id limit :batch) w order by w.id desc limit 1"
        ),
        {"after": after, "batch": batch},
    ).scalar()
    if until is not None:
        connection.execute(
            text(
                f"with invalid as (select * from ({one.invalid}) i where i.reason is null"
                f" and {_IN_SCOPE} and i.id <= cast(:until as uuid)"
                " and (cast(:after as uuid) is null or i.id > cast(:after as uuid)))"
                f" {one.statement}"
            ),
            {**parameters, "after": after, "until": until},
        )
    return until


def _is_readable(connection: Connection, table: str) -> bool:
    """Whether every row of a table can be read, by the catalogs alone."""
    schema, _, name = table.partition(".")
    return bool(
        connection.execute(
            text(
                "select has_schema_privilege(n.oid, 'usage')"
                " and has_column_privilege(c.oid, a.attnum, 'select')"
                " and not row_security_active(c.oid)"
                " from pg_catalog.pg_class c"
                " join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
                " join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'id'"
                " where n.nspname = :schema and c.relname = :name"
            ),
            {"schema": schema, "name": name},
        ).scalar()
    )


def takes_no_null(table: str, column: str) -> str:
    """A reason, for a query: the column is NOT NULL, so nothing can be set to null."""
    return (
        f"(select '{column} takes no null here: alter table {table} alter column {column} drop not"
        " null' from pg_catalog.pg_attribute a"
        f" where a.attrelid = '{table}'::regclass and a.attname = '{column}' and a.attnotnull)"
    )
