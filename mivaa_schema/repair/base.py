"""A repair finds invalid rows, says which of them it can repair, and repairs those."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from mivaa_schema import history
from mivaa_schema.operations.sql import text_array

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.engine import Connection

    from mivaa_schema.repair.session import WriteSession

FOLDER = Path(__file__).parent


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
    batch: int = 1000


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


@dataclass(frozen=True, slots=True)
class InvalidRows:
    """Invalid rows of one table, and the statement that repairs them.

    Attributes:
        table: Qualified name; its key is ``id uuid``.
        query: Finds the rows (the table is ``t`` there): ``id``, the ``workspace`` that the repair
            of the row concerns, ``reason`` as in :class:`Finding`, and what ``change`` needs.
        change: A statement over ``invalid``, those of the rows that can be repaired. It tests again
            what makes a row invalid: users may have changed it meanwhile.
        lookup: A query for one row, run once; its columns are parameters of the other two.
    """

    table: str
    query: str
    change: str
    lookup: str = ""

    def parameters(self, connection: Connection, options: Options) -> dict[str, Any]:
        """The bind parameters of the statements."""
        workspace = None if options.workspace is None else str(options.workspace)
        found: dict[str, Any] = {"workspace": workspace, "map": json.dumps(dict(options.mapping))}
        if self.lookup:
            found |= connection.execute(text(self.lookup), found).mappings().one()
        return found


@dataclass(frozen=True)
class Repair:
    """A named repair of rows, table by table, in batches along the primary key.

    Attributes:
        name: The name by which the command calls it.
        description: What it does, as the rest of a sentence that begins with its name.
        rows: What is invalid, by table.
        reads: A table of the platform's that it reads, and for which the right may be missing.
        may_create_workspace: Whether the option ``workspace`` may name one that does not exist.
        known: What ``--map`` may map to, by column (``public.documents.status``); without any, the
            repair takes no ``--map``.
        looks_at_rows: Whether it has to see every row.
    """

    name: str
    description: str
    rows: tuple[InvalidRows, ...] = ()
    reads: str = ""
    may_create_workspace: bool = False
    known: Mapping[str, list[str]] = field(default_factory=dict)
    looks_at_rows: bool = True

    def survey(self, connection: Connection, options: Options) -> list[Finding]:
        """Everything that is invalid, by table and reason; changes nothing."""
        if self.reads and not connection.execute(text(_IS_READABLE), {"name": self.reads}).scalar():
            # What cannot be seen would look as if it did not exist.
            reason = "you cannot read every row of it: let its owner run grant select (id) on"
            return [Finding(self.reads, None, f"{reason} {self.reads}")]
        found = []
        for one in self.rows:
            sql = (
                f"select i.reason, count(*) from ({one.query}) i where {_IN_SCOPE}"
                " group by i.reason order by i.reason nulls first"
            )
            rows = connection.execute(text(sql), one.parameters(connection, options)).all()
            found += [Finding(one.table, count, reason) for reason, count in rows[:_MOST_REASONS]]
            if rest := rows[_MOST_REASONS:]:
                reason = f"of {len(rest)} further reasons: repair those that are listed first"
                found.append(Finding(one.table, sum(count for _, count in rest), reason))
        return found

    def apply(self, session: WriteSession, options: Options) -> None:
        """Repair what can be repaired; a batch is a transaction of its own.

        Interrupted at any point, it continues when run again.
        """
        for one in self.rows:
            parameters = one.parameters(session.connection, options) | {"batch": options.batch}
            session.connection.rollback()
            parameters["after"] = None
            while until := session.run(partial(_batch, session.connection, one, parameters)):
                parameters["after"] = until


def _batch(connection: Connection, one: InvalidRows, parameters: dict[str, Any]) -> Any:
    """Repair the next rows of a table, and return the id of the last one, or None at the end."""
    until = connection.execute(
        text(
            f"select w.id::text from (select t.id from {one.table} t"
            " where cast(:after as uuid) is null or t.id > cast(:after as uuid)"
            " order by t.id limit :batch) w order by w.id desc limit 1"
        ),
        parameters,
    ).scalar()
    if until is not None:
        sql = (
            f"with invalid as (select * from ({one.query}) i where i.reason is null"
            f" and {_IN_SCOPE} and i.id <= cast(:until as uuid)"
            " and (cast(:after as uuid) is null or i.id > cast(:after as uuid)))"
            f" {one.change}"
        )
        connection.execute(text(sql), {**parameters, "until": until})
    return until


def read(name: str) -> Repair:
    """The repair of a file in ``rows/``.

    The file begins with the description. Behind each ``rows of`` stand tables, with values for the
    ``{placeholders}`` of the query and the change that follow; a ``body`` in ``shared/`` has them
    where several repairs have the same. ``values of`` is a pattern of columns with known values.
    """
    head, *blocks = re.split(r"(?m)^-- rows of: ?(.*)\n", _text(f"rows/{name}.sql"))
    description, *lines = head.replace("-- ", "").splitlines()
    header = dict(line.split(": ") for line in lines)
    body, lookup = (
        _text(f"shared/{header[name]}.sql") if name in header else "" for name in ("body", "lookup")
    )
    known = _known(header["values of"]) if "values of" in header else {}
    rows = []
    for targets, own in zip(blocks[::2], blocks[1::2], strict=True):
        query, change = (own.strip() or body).rstrip().removesuffix(";").split(";\n\n")
        for values in map(_values, targets.split("; ")) if targets else _mapped(known):
            parts = (_filled(part, values) for part in (query, change, lookup))
            rows.append(InvalidRows(values["table"], *parts))
    reads, creates = header.get("reads", ""), "new workspace" in header
    return Repair(name, description, tuple(rows), reads, creates, known)


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _known(pattern: str) -> dict[str, list[str]]:
    """The values that columns (``public.documents.status``) of tables with a workspace may hold."""
    columns = history.objects("column")
    tables = {one["table"] for one in columns if one["name"] == "workspace_id"}
    checks = [one for one in history.objects("check") if one.get("allowed")]
    known = {f"{one['table']}.{one['column']}": one for one in checks if one["table"] in tables}
    return {column: one["allowed"] for column, one in known.items() if re.match(pattern, column)}


def _values(target: str) -> dict[str, str]:
    table, *pairs = target.split()
    return {"table": table, **dict(pair.split("=") for pair in pairs)}


def _mapped(known: Mapping[str, list[str]]) -> Iterator[dict[str, str]]:
    for name, values in known.items():
        table, _, column = name.rpartition(".")
        yield {"table": table, "column": column, "known": text_array(values)}


def _filled(sql: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], sql)


_MOST_REASONS = 50

_IN_SCOPE = "(cast(:workspace as uuid) is null or i.workspace = cast(:workspace as uuid))"

# By the catalogs alone: a name in a schema that is closed to the role cannot be looked up.
_IS_READABLE = """
select has_schema_privilege(n.oid, 'usage') and has_column_privilege(c.oid, a.attnum, 'select')
  and not row_security_active(c.oid)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'id'
where n.nspname || '.' || c.relname = :name
"""
