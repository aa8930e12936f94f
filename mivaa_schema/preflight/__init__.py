"""Looks for what would stop an upgrade, and for what its owner should know; changes nothing.

Each file in ``errors/`` and ``warnings/`` is a query for object, found, expected and remedy.
``all_columns``, ``pending_columns`` and the like are what all revisions create, or those that are
still to come, as their manifests say. ``:name`` is a value and ``{name}`` an identifier; ``for each
of`` a list makes one query for each of its items. A query runs if it can read what it ``needs``.
All of them are put into one block, online and in a script, whose variables hold the values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy.dialects import postgresql

from mivaa_schema import history
from mivaa_schema.database.reading import rolled_back
from mivaa_schema.errors import MivaaError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

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
"""Values that every query may use, and their types; queries in ``state/`` find the last four."""

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
    findings = _findings(connection, "error", lock_members=lock_members)
    if findings:
        lines = "\n  ".join(f"{number}. {one}" for number, one in enumerate(findings, 1))
        raise AdoptionRefused(count=len(findings), findings=lines)


def report(connection: Connection, *, lock_members: bool = False) -> list[Finding]:
    """Everything that preflight finds, errors first; nothing is changed.

    It reads every row of the platform's tables, so it may take a while.

    Raises:
        TableLocked: Another session holds a table under ACCESS EXCLUSIVE.
    """
    return _findings(connection, "error", "warning", lock_members=lock_members)


def offline(*, lock_members: bool = False) -> str:
    """The statement that a script runs first: it fails with one error that lists everything."""
    return _block("error", lock_members=lock_members, is_script=True)


_UNKNOWN: Item = dict.fromkeys(("object", "found", "expected", "remedy"), "?")


def _findings(connection: Connection, *severities: Severity, lock_members: bool) -> list[Finding]:
    # The settings are rolled back, too.
    with rolled_back(connection, read_only=False):
        connection.exec_driver_sql(
            "select set_config(name, '0', true) from pg_catalog.pg_settings"
            " where name in ('statement_timeout', 'transaction_timeout')"
        )
        block = _block(*severities, lock_members=lock_members, is_script=False)
        connection.exec_driver_sql(block, execution_options={"no_parameters": True})
        found = connection.exec_driver_sql("select current_setting('mivaa.findings')").scalar_one()
    return [Finding(**{**_UNKNOWN, **one}) for one in json.loads(found)]


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
        item = {name: one[name] for name in _AS_THEY_ARE if name in one} | {
            "relation": _quoted(table),
            "schema_name": schema,
            "table_name": table_name,
            "name": one["name"].partition(".")[2] if is_qualified else one["name"],
            "object_name": one["name"] if is_qualified else f"{table}.{one['name']}",
            "column_name": one["name"] if kind == "column" else one.get("column"),
            "accepts": one.get("accepts") or (type_ and f"^{re.escape(type_)}$"),
            "value": one.get("default"),
            "qualified": _quoted(one["name"]) if kind == "index" else None,
            "is_unique": one.get("unique"),
        }
        if kind == "unique" and one.get("columns"):
            item["columns"] = one["columns"]
            item["keys"] = ", ".join(map(_PREPARER.quote, one["columns"]))
            item["needs"] = ", ".join(f"{table}.{name}" for name in one["columns"])
        if kind == "foreign_key":
            # Of two columns, the first is the workspace, and the second refers to a row in it.
            item["column_name"] = one["columns"][-1]
            item["target_column"] = one["referenced_columns"][-1]
            item["target"], item["target_name"] = _quoted(one["references"]), one["references"]
            item["action"] = (one.get("on_delete") or "no action").partition(" (")[0]
        found.append({name: value for name, value in item.items() if value is not None})
    return found


_AS_THEY_ARE = ("kind", "revision", "type", "room", "definition", "allowed")


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

    def filled(self) -> str:
        """The text with its placeholders filled in one pass, so that what is put in stays so."""

        def fill(found: re.Match[str]) -> str:
            if name := found["identifier"]:
                is_quoted = name in ("relation", "target", "keys")
                return str(self.item[name] if is_quoted else _PREPARER.quote(self.item[name]))
            name = found["value"]
            return f"v_{name}" if name in VALUES else _literal(self.item[name])

        placeholder = r"(?<![:\w]):(?P<value>[a-z]\w*)|\{(?P<identifier>[a-z]\w*)\}"
        return re.sub(placeholder, fill, self.text)

    def statement(self, around: str) -> str:
        """The query as a statement of the block, under the condition that it can run."""
        text = around.replace("{query}", self.filled())
        if self.needs:
            text = f"if v_readable @> {_literal(self.needs)} then {text}; end if"
        return f"-- {self.purpose}\n{text};"


def _literal(value: str | bool | list[str]) -> str:
    """A value as SQL: a text, a list of texts, or true or false."""
    if isinstance(value, list):
        return f"array[{', '.join(map(_literal, value))}]::text[]"
    return str(value).lower() if isinstance(value, bool) else "'" + value.replace("'", "''") + "'"


def queries(folder: str, objects: list[Item]) -> Iterator[Query]:
    """The queries of a folder; one with ``for each of`` is a query for each item of that list."""
    for path in sorted((FOLDER / folder).glob("*.sql")):
        lines = path.read_text(encoding="utf-8").strip().splitlines()
        purpose, *header = [line[3:] for line in lines if line.startswith("-- ")]
        given = dict(line.split(": ", 1) for line in header)
        text = "\n".join(line for line in lines if not line.startswith("-- "))
        for item in _each(given["for each of"], objects) if "for each of" in given else [{}]:
            needs = [need for need in given.get("needs", "").format_map(item).split(", ") if need]
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


# The block


_COLLECT = """\
v_findings := v_findings || (
select coalesce(jsonb_agg(jsonb_build_object('severity', {severity}, 'check', {check})
  || jsonb_strip_nulls(to_jsonb(f)) order by f.object, f.found), '[]') from (
{query}
) f (object, found, expected, remedy))"""


def _block(*severities: Severity, lock_members: bool, is_script: bool) -> str:
    """One block that runs every check: a script fails in it, an online run reads its findings."""
    objects = expected_objects()
    values: Item = {
        # An object a line, so that a script can be read.
        "objects": "[\n" + ",\n".join(map(json.dumps, objects)) + "\n]",
        "lock_members": lock_members,
        "is_script": is_script,
        "readable": [],
        "revision": "",
        "recorded": [],
        "definitions": "{}",
    }
    state = {query.name: query for query in queries("state", objects)}
    checks = []
    for severity in severities:
        collect = _COLLECT.replace("{severity}", _literal(severity))
        for query in queries(f"{severity}s", objects):
            checks.append(query.statement(collect.replace("{check}", _literal(query.name))))
    parts = {
        "declarations": "\n".join(
            f"  v_{n} {t} := {_literal(values[n])};" for n, t in VALUES.items()
        ),
        "state": "\n\n".join(state[n].statement(f"v_{n} := (\n{{query}})") for n in STATE),
        "probes": state["index_probes"].filled(),
        "checks": "\n\n".join(checks),
    }
    text = (FOLDER / "block.sql").read_text(encoding="utf-8").strip()
    body = re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], text)
    tag = "$mivaa$"
    while tag in body:
        tag = f"{tag[:-1]}_$"
    return f"do {tag}\n{body}\n{tag}"
