"""What a repair is: it finds faults, says which of them it can mend, and mends those."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import text

from mivaa_schema.operations.maintenance import BATCH

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.engine import Connection

    from mivaa_schema.repair.session import Session


@dataclass(frozen=True, slots=True)
class Options:
    """What the owner has decided.

    Attributes:
        workspace: Touch nothing but what belongs to this workspace, or goes to it.
        mapping: A value of ours for each unknown one; an empty key stands for null and ''.
        batch: Rows that are looked at, and committed, at a time.
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
    """Faults of one kind in one place.

    Attributes:
        object: The table, or the constraint, that they are in.
        count: How many; None if that cannot be seen.
        reason: Why they cannot be mended as things are, and what helps; None if they can.
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
    def what(self) -> str:
        """What it does, as the rest of a sentence that begins with its name."""

    @property
    def takes(self) -> frozenset[str]:
        """Those of ``workspace`` and ``map`` that it makes use of."""

    @property
    def workspace_exists(self) -> bool:
        """Whether ``workspace`` has to be one of those that exist."""

    def check(self, options: Options) -> None:
        """Refuse options that cannot be meant."""

    def survey(self, connection: Connection, options: Options) -> list[Finding]:
        """Everything that is at fault; changes nothing."""

    def mend(self, work: Session, options: Options) -> None:
        """Mend what can be mended; cut off at any point, it goes on when it is run again."""


@dataclass(frozen=True, slots=True)
class Step:
    """Faults in the rows of one table, and the statement that mends them.

    Attributes:
        table: Qualified name; its key is ``id uuid``.
        faults: A query for the rows at fault (the table is called ``t`` there): ``id``, the
            ``workspace`` that the repair of the row concerns, ``reason`` as in :class:`Finding`,
            and whatever ``change`` needs.
        change: A statement over ``fault``, those of the rows that can be mended. It asks again for
            what makes a row faulty: users may have changed it meanwhile.
        facts: A query for one row, asked once; its columns are parameters of the other two.
    """

    table: str
    faults: str
    change: str
    facts: str = ""


@dataclass(frozen=True, slots=True)
class RowRepair:
    """A repair of rows, table by table, in batches along the primary key.

    Attributes:
        reads: A table of the platform's that it looks things up in, and may not be able to read.
    """

    name: str
    what: str
    steps: tuple[Step, ...]
    takes: frozenset[str] = frozenset({"workspace"})
    workspace_exists: bool = True
    reads: str = ""

    def check(self, options: Options) -> None:
        """Nothing that could not be meant."""

    def survey(self, connection: Connection, options: Options) -> list[Finding]:
        """Count the rows at fault, by table and reason."""
        if self.reads and not _is_readable(connection, self.reads):
            # What cannot be seen would look as if it did not exist.
            return [Finding(self.reads, None, f"{_UNREADABLE} {self.reads}")]
        found = []
        for step in self.steps:
            rows = connection.execute(
                text(
                    f"select f.reason, count(*) from ({step.faults}) f where {_IN_SCOPE}"
                    " group by f.reason order by f.reason nulls first"
                ),
                _parameters(connection, step, options),
            )
            found += [Finding(step.table, count, reason) for reason, count in rows]
        return found

    def mend(self, work: Session, options: Options) -> None:
        """Walk through each table; a batch is a transaction of its own."""
        for step in self.steps:
            parameters = _parameters(work.connection, step, options)
            work.connection.rollback()
            after: Any = None
            while True:
                until = work.patiently(
                    partial(_mend_batch, work.connection, step, parameters, after, options.batch)
                )
                if until is None:
                    break
                after = until


_UNREADABLE = "you cannot read every row of it: let its owner run grant select (id) on"
_IN_SCOPE = "(cast(:workspace as uuid) is null or f.workspace = cast(:workspace as uuid))"


def _parameters(connection: Connection, step: Step, options: Options) -> dict[str, Any]:
    parameters = options.parameters()
    if step.facts:
        facts = connection.execute(text(step.facts), parameters).mappings().one()
        parameters |= facts
    return parameters


def _mend_batch(
    connection: Connection, step: Step, parameters: dict[str, Any], after: Any, batch: int
) -> Any:
    """Mend the next rows of a table, and return the id of the last one, or None at the end."""
    until = connection.execute(
        text(
            f"select w.id::text from (select t.id from {step.table} t"
            " where cast(:after as uuid) is null or t.id > cast(:after as uuid)"
            " order by t.id limit :batch) w order by w.id desc limit 1"
        ),
        {"after": after, "batch": batch},
    ).scalar()
    if until is not None:
        connection.execute(
            text(
                f"with fault as (select * from ({step.faults}) f where f.reason is null"
                f" and {_IN_SCOPE} and f.id <= cast(:until as uuid)"
                " and (cast(:after as uuid) is null or f.id > cast(:after as uuid)))"
                f" {step.change}"
            ),
            {**parameters, "after": after, "until": until},
        )
    return until


def _is_readable(connection: Connection, table: str) -> bool:
    """Whether every row of a table can be read; it has to be asked for by catalogs alone."""
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
    """A reason, for a query: the column is NOT NULL, so nothing can be taken out of it."""
    return (
        f"(select '{column} takes no null here: alter table {table} alter column {column} drop not"
        " null' from pg_catalog.pg_attribute a"
        f" where a.attrelid = '{table}'::regclass and a.attname = '{column}' and a.attnotnull)"
    )
