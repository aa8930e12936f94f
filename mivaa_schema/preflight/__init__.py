"""Looks for what would stop an upgrade, and for what its owner should know; changes nothing.

Each file in ``errors/`` and ``warnings/`` is a query for object, found, expected and remedy.
``all_columns``, ``pending_columns`` and the like are what all revisions create, or those that are
still to come, as their manifests say. ``:name`` is a value and ``{name}`` an identifier; ``for each
of`` a list makes one query for each of its items. A query runs if it can read what it ``needs``.
Online, values are bind parameters; in the script, they are variables of one block.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import exc
from sqlalchemy.dialects import postgresql

from mivaa_schema import history
from mivaa_schema.database import rolled_back
from mivaa_schema.errors import Lines, MivaaError, printable, printable_sql

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, CursorResult, Row

Severity = Literal["error", "warning"]
Item = dict[str, Any]

FOLDER = Path(__file__).parent

LISTS = {
    "tables": "table",
    "columns": "column",
    "indexes": "index",
    "foreign_keys": "foreign_key",
    "checks": "check",
    "uniques": "unique",
    "exclusions": "exclusion",
    "functions": "function",
    "triggers": "trigger",
    "policies": "policy",
}
"""Lists that a query may read, and the kinds of objects that they hold."""

VALUES = {
    "objects": "jsonb",
    "lock_members": "boolean",
    "is_script": "boolean",
    "readable": "text[]",
    "revision": "text",
    "recorded": "text[]",
    "definitions": "jsonb",
}
"""Values that every query may use, and their types."""

FOUND: Item = {"readable": [], "revision": "", "recorded": [], "definitions": "{}"}
"""Those that queries in ``state/`` find, as they are until then."""

STATE = ("readable", "revision", "recorded")
_PRIVATE_SCHEMA = "mivaa"
# With the default parameter style, percent signs of names would be doubled.
_PREPARER = postgresql.dialect(paramstyle="named").identifier_preparer  # type: ignore[no-untyped-call]


class AdoptionRefused(MivaaError):
    """This database cannot be adopted as it is; nothing was changed. Errors: {count}.
      {findings}
    Correct each of them, then run the same command again.
    """


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that preflight has found.

    Attributes:
        severity: An ``error`` stops the upgrade, a ``warning`` does not.
        check: Name of the check that found it, which is the name of its file.
        object: Qualified name of the object.
        found: What it is.
        expected: What the upgrade expects.
        remedy: SQL, or words, that correct it.
    """

    severity: Severity
    check: str
    object: str
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.object} is {self.found}; expected: {self.expected}. {self.remedy}"


def refuse_what_cannot_be_adopted(connection: Connection, *, lock_members: bool = False) -> None:
    """Look for what stops the upgrade; nothing is changed.

    Args:
        connection: A transaction that is open on it stays open.
        lock_members: Whether the upgrade closes the platform's tables of workspaces and members.

    Raises:
        AdoptionRefused: With every error that was found.
        TableLocked: Another session holds a table under ACCESS EXCLUSIVE.
    """
    findings = _findings(connection, ("error",), lock_members)
    if findings:
        lines = "\n  ".join(f"{number}. {one}" for number, one in enumerate(findings, 1))
        raise AdoptionRefused(count=len(findings), findings=Lines(lines))


def report(connection: Connection, *, lock_members: bool = False) -> list[Finding]:
    """Everything that preflight finds, errors first; nothing is changed.

    It reads every row of the platform's tables, so it may take a while.

    Raises:
        TableLocked: Another session holds a table under ACCESS EXCLUSIVE.
    """
    return _findings(connection, ("error", "warning"), lock_members)


def offline(*, lock_members: bool = False) -> str:
    """The statement that a script runs first: it fails with one error that lists everything."""
    # Imported here because an online run needs none of it.
    from mivaa_schema.preflight import script

    return script.render(lock_members=lock_members)


# What is expected


def expected_objects() -> list[Item]:
    """What the revisions create; the private schema is left to a check of its own."""
    found = []
    for one in history.objects(*LISTS.values()):
        kind, table, type_ = one["kind"], one.get("table") or one["name"], one.get("type")
        schema, _, table_name = table.partition(".")
        if schema == _PRIVATE_SCHEMA or (kind == "check" and not one.get("allowed")):
            continue
        is_qualified = kind in ("table", "index", "function")
        column = one["name"] if kind == "column" else one.get("column")
        target = one.get("references")
        keys = one.get("columns", []) if kind == "unique" else []
        item = {
            "kind": kind,
            "revision": one["revision"],
            "relation": _quoted(table),
            "schema_name": schema,
            "table_name": table_name,
            "name": one["name"].partition(".")[2] if is_qualified else one["name"],
            "object_name": one["name"] if is_qualified else f"{table}.{one['name']}",
            # Of two columns, the first is the workspace, and the second refers to a row in it.
            "column_name": one["columns"][-1] if target else column,
            "type": type_,
            "accepts": one.get("accepts") or (type_ and f"^{re.escape(type_)}$"),
            "min_length": one.get("min_length"),
            "value": one.get("default"),
            "qualified": _quoted(one["name"]) if kind == "index" else None,
            "is_unique": one.get("unique"),
            "definition": one.get("definition"),
            "allowed": one.get("allowed"),
            "columns": keys or None,
            "keys": ", ".join(map(_PREPARER.quote, keys)) or None,
            "needs": ", ".join(f"{table}.{name}" for name in keys) or None,
            "target": target and _quoted(target),
            "target_name": target,
            "target_column": one["referenced_columns"][-1] if target else None,
            "action": (one.get("on_delete") or "no action").partition(" (")[0] if target else None,
        }
        found.append({name: value for name, value in item.items() if value is not None})
    return found


def _quoted(qualified: str) -> str:
    return ".".join(map(_PREPARER.quote, qualified.split(".", 1)))


# Queries


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a file, for one item."""

    name: str
    purpose: str
    needs: list[str]
    text: str
    item: Item

    def filled(self, value: Callable[[str], str], percent: str) -> str:
        """The text with its placeholders filled in one pass, so that what is put in stays so."""

        def fill(found: re.Match[str]) -> str:
            if name := found["identifier"]:
                is_quoted = name in ("relation", "target", "keys")
                quoted = self.item[name] if is_quoted else _PREPARER.quote(self.item[name])
                return str(quoted).replace("%", percent)
            return value(found["value"]) if found["value"] else percent

        return re.sub(
            r"(?<![:\w]):(?P<value>[a-z]\w*)|\{(?P<identifier>[a-z]\w*)\}|%", fill, self.text
        )


def queries(folder: str, objects: list[Item]) -> Iterator[Query]:
    """The queries of a folder; one with ``for each of`` is a query for each item of that list."""
    for path in sorted((FOLDER / folder).glob("*.sql")):
        lines = path.read_text(encoding="utf-8").strip().splitlines()
        purpose, *facts = [line[3:] for line in lines if line.startswith("-- ")]
        fact = dict(line.split(": ", 1) for line in facts)
        text = "\n".join(line for line in lines if not line.startswith("-- "))
        for item in _each(fact["for each of"], objects) if "for each of" in fact else [{}]:
            needs = [need for need in fact.get("needs", "").format_map(item).split(", ") if need]
            yield Query(path.stem, purpose, needs, indent(_with_lists(text), "  "), item)


def _each(name: str, objects: list[Item]) -> list[Item]:
    if name == "vectors":
        return [one for one in objects if re.match(r"(\w+\.)?vector\b", one.get("type", ""))]
    # A unique constraint whose columns the manifest does not name cannot be looked into.
    wanted = [one for one in objects if one["kind"] == LISTS[name]]
    return [one for one in wanted if name != "uniques" or "keys" in one]


def _with_lists(text: str) -> str:
    """Put the lists that a query reads before it, as common table expressions."""
    names = sorted(set(re.findall(rf"\b(all|pending)_({'|'.join(LISTS)})\b", text)))
    if not names:
        return text
    lists = [(FOLDER / "objects.sql").read_text(encoding="utf-8").rstrip()]
    for which, name in names:
        condition = f"kind = '{LISTS[name]}'" + (" and pending" if which == "pending" else "")
        lists.append(f"  {which}_{name} as (select * from objects where {condition})")  # noqa: S608
    return ",\n".join(lists) + f"\n{text}"


# Online


def _findings(
    connection: Connection, severities: tuple[Severity, ...], lock_members: bool
) -> list[Finding]:
    objects = expected_objects()
    values: Item = {
        **FOUND,
        "objects": json.dumps(objects),
        "lock_members": lock_members,
        "is_script": False,
    }
    state = {query.name: query for query in queries("state", objects)}
    found = []
    # The settings are rolled back, too.
    with rolled_back(connection, read_only=False):
        connection.exec_driver_sql(
            "select set_config(name, '0', true) from pg_catalog.pg_settings"
            " where name in ('statement_timeout', 'transaction_timeout')"
        )
        for name in STATE:
            if _can_run(state[name], values):
                values[name] = _run(connection, state[name], values).scalar_one()
        probes = _run(connection, state["index_probes"], values).all()
        values["definitions"] = json.dumps(
            {one.object_name: _definition(connection, one) for one in probes}
        )
        connection.exec_driver_sql("set transaction read only")
        for severity in severities:
            for query in queries(f"{severity}s", objects):
                if _can_run(query, values):
                    rows = _run(connection, query, values, _SORTED)
                    found += [_finding(severity, query.name, *row) for row in rows]
    return found


def _finding(severity: Severity, check: str, *texts: str | None) -> Finding:
    """A finding whose texts, which hold names and values of the platform, are printable."""
    object_, found, expected, remedy = ["?" if text is None else text for text in texts]
    object_, found, expected = (printable(text, 500) for text in (object_, found, expected))
    return Finding(severity, check, object_, found, expected, printable_sql(remedy))


_SORTED = "select * from (\n{query}\n) f (object, found, expected, remedy) order by object, found"


def _can_run(query: Query, values: Item) -> bool:
    return set(query.needs) <= set(values["readable"])


def _run(
    connection: Connection, query: Query, values: Item, around: str = "{query}"
) -> CursorResult[Any]:
    parameters = {**query.item, **values}

    def value(name: str) -> str:
        type_ = "text[]" if isinstance(parameters[name], list) else VALUES.get(name, "text")
        return f"%({name})s::{type_}"

    sql = around.replace("{query}", query.filled(value, "%%"))
    return connection.exec_driver_sql(sql, parameters)


PROBED = "substring(pg_get_indexdef('pg_temp.mivaa_probe_index'::regclass) from ' USING .*')"

# Undefined column, object or function, unknown schema: the upgrade has yet to create it.
_NOT_YET_THERE = ("42703", "42704", "42883", "3F000")


def _definition(connection: Connection, probe: Row[Any]) -> str:
    """How PostgreSQL prints the definition of an index, built on a temporary table."""
    savepoint = connection.begin_nested()
    try:
        for statement in (probe.create_table, probe.create_index):
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        return str(connection.exec_driver_sql(f"select {PROBED}").scalar_one())
    except exc.DBAPIError as error:
        if getattr(error.orig, "pgcode", None) not in _NOT_YET_THERE:
            raise
        return str(probe.definition)
    finally:
        savepoint.rollback()
