"""Definitions are tried on temporary objects before a revision is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sqlalchemy import exc

from mivaa_schema import history
from mivaa_schema.drafting import current
from mivaa_schema.drafting.compare import Difference, place
from mivaa_schema.drafting.errors import DraftRefused
from mivaa_schema.drafting.sql_files import subject
from mivaa_schema.migrations import describe as describe_error
from mivaa_schema.operations import Operation, adopt, change_column, restore
from mivaa_schema.operations.entities import SqlFile
from mivaa_schema.operations.sql import qualified, quote

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def _column(change: Difference) -> Operation:
    item, before = change.either, change.before
    if before is None:
        return adopt(item)
    return change_column(before, item, rewrite=True)


def _table(change: Difference) -> Operation:
    keys = ", ".join(map(quote, change.either.get("primary_key", [])))
    add = f"alter table {qualified(change.table)} add primary key ({keys})"
    return Operation((add,) if keys and change.before is None else ())


def _file(change: Difference) -> Operation:
    return Operation((SqlFile(change.either["path"]).statement,))


def _said(change: Difference) -> Operation:
    return Operation((str(change.either["name"]),))


def _constraint(change: Difference) -> Operation:
    return restore(change.either)


def _bare(change: Difference) -> str:
    return str(change.either["name"].partition(".")[2])


# In this order: what comes later can use what comes earlier.
_TRIALS: dict[str, Callable[[Difference], Operation]] = {
    "column": _column,
    "table": _table,
    "function": _file,
    # The real index is not looked at: one of its name may be there.
    "index": lambda d: restore({**d.either, "name": f"pg_temp.{_bare(d)}"}),
    "unique": _constraint,
    "exclusion": _constraint,
    "check": _constraint,
    "foreign_key": _constraint,
    "storage": lambda d: adopt(d.either),
    "option": lambda d: adopt(d.either),
    "trigger": _file,
    "policy": _file,
    "grant": _said,
    "comment": _said,
}


def try_out(connection: Connection, found: Iterable[Difference]) -> None:
    """Let PostgreSQL look at the new definitions, on temporary objects that are rolled back.

    Each table that they are about has an empty twin, a temporary table with the columns and keys
    that the history knows, and each function is created as a temporary one; in every statement the
    names of these take the place of the real ones. So nothing real is locked or changed.

    Args:
        connection: To a database at head.
        found: What differs, functions in the order in which they can be created.

    Raises:
        DraftRefused: If PostgreSQL does not accept a definition.
    """
    found = list(found)
    dropped = [d for d in reversed(found) if d.action == "drop" and d.kind == "column"]
    lost = {d.table for d in found if d.action == "drop" and d.kind == "table"}
    dropped = [d for d in dropped if d.table not in lost]
    tried = [d for d in (*found, *_users(dropped, found)) if d.after and d.kind in _TRIALS]
    tables = {d.table for d in (*tried, *dropped) if d.table}
    tables |= {d.either["references"] for d in tried if d.kind == "foreign_key"}
    tables = {name for name in tables if not name.startswith("auth.")}
    functions = {d.either["name"] for d in tried if d.kind == "function"}
    twins = re.compile(
        rf"(?<![\w.\"])({'|'.join(re.escape(qualified(n)) for n in tables | functions)})(?![\w\"])"
    )

    def run(statement: str, *, is_real: bool = False) -> None:
        text = statement if is_real or not tables | functions else twins.sub(_twin, statement)
        connection.exec_driver_sql(text, execution_options={"no_parameters": True})

    def try_(change: Difference, *statements: str, is_real: bool = False) -> None:
        try:
            for statement in statements:
                run(statement, is_real=is_real)
        except exc.DBAPIError as error:
            raise DraftRefused(item=place(change.either), detail=describe_error(error)) from error

    with connection.begin_nested() as savepoint:
        run("select '[1]'::vector")
        for statement in _tables(tables):
            run(statement)
        for kind, trial in _TRIALS.items():
            for change in (d for d in tried if d.kind == kind):
                if change.either.get("references", "").startswith("auth."):
                    continue  # A temporary table cannot refer to a real one.
                about = subject(change.either) if kind in ("grant", "comment") else change.key
                is_real = about[0] != "table" and about not in {d.key for d in tried}
                try_(change, *trial(change).statements, is_real=is_real)
        for change in dropped:
            name = quote(change.either["name"])
            try_(change, f"alter table {qualified(change.table)} drop column {name}")
        savepoint.rollback()


def _users(dropped: list[Difference], found: list[Difference]) -> list[Difference]:
    """Triggers and policies that stay as they are, on tables that lose a column."""
    tables, known = {d.table for d in dropped}, {d.key for d in found}
    items = current.objects() if dropped else []
    return [
        Difference(None, o)
        for o in items
        if o["kind"] in ("trigger", "policy") and o["table"] in tables
        if history.key(o) not in known
    ]


def _twin(match: re.Match[str]) -> str:
    name = match[1].replace('"', "")
    return f'pg_temp."{name}"'


def _tables(names: Iterable[str]) -> Iterable[str]:
    objects = history.objects()
    for name in sorted(names):
        lying = [o for o in objects if o.get("table") == name]
        columns = [o["definition"] for o in lying if o["kind"] == "column"]
        for table in (o for o in objects if o["kind"] == "table" and o["name"] == name):
            if keys := table.get("primary_key"):
                columns.append(f"primary key ({', '.join(map(quote, keys))})")
        yield f"create temporary table {qualified(name)} ({', '.join(columns)})"
        for item in lying:
            if item["kind"] in ("unique", "index"):
                index = item.get("index", item)
                if index["unique"]:
                    yield f"create unique index on {qualified(name)} {index['definition']}"
