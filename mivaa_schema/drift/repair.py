"""The SQL that repairs drift: a script for psql, run as the owner of the tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from mivaa_schema import catalog
from mivaa_schema.catalog import CatalogObject, Snapshot
from mivaa_schema.database import rolled_back
from mivaa_schema.drift import MISSING, VECTOR
from mivaa_schema.drift.grantees import Grantees, grants_of, read_grantees
from mivaa_schema.drift.scope import expected_catalog, options_of, read_state, scope_of
from mivaa_schema.errors import printable_sql
from mivaa_schema.operations.sql import literal

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from mivaa_schema.drift import Difference
    from mivaa_schema.drift.scope import Ledger

_HEADER = """\
-- Repairs what `mivaa-schema drift` found. Run it as the owner of the tables: psql -f FILE
-- Should it end early (a lock timeout, a row that does not meet a constraint), print it anew.
\\set ON_ERROR_STOP on
set client_encoding = 'UTF8';
set standard_conforming_strings = on;
set search_path = public, extensions;
set lock_timeout = '5s';
set check_function_bodies = off;
"""

_CREATE_VECTOR = """\
do $mivaa$ begin
  if to_regnamespace('extensions') is not null then create extension vector schema extensions;
  else create extension vector schema public; end if; end $mivaa$;"""

_REPLACED = {
    "policy": {"kind", "command", "roles", "using", "check"},
    "trigger": {"definition"},
    "constraint": {"type", "definition"},
    "index": {"definition", "valid"},
    "function": {"signature"},
}
"""Properties that only a new object of the kind can have."""

_UNRECORDED = ("create", "runs", "owner")
"""Properties that no catalog of a revision has."""

_ANY = "*"
_ALTER: Sequence[tuple[str, str, str | None, str]] = (
    ("column", "generated", None, "alter column {name} drop expression"),
    ("column", "identity", None, "alter column {name} drop identity"),
    ("column", "type", _ANY, "alter column {name} type {value} using {name}::{value}"),
    ("column", "default", None, "alter column {name} drop default"),
    ("column", "default", _ANY, "alter column {name} set default {value}"),
    ("column", "nullable", "null", "alter column {name} drop not null"),
    ("column", "storage", _ANY, "alter column {name} set storage {value}"),
    ("table", "row_security", "on", "enable row level security"),
    ("table", "row_security", "off", "disable row level security"),
    ("table", "force_row_security", "on", "force row level security"),
    ("table", "force_row_security", "off", "no force row level security"),
    ("table", "options", _ANY, "set ({value})"),
    ("trigger", "enabled", "yes", "enable trigger {name}"),
    ("trigger", "enabled", "no", "disable trigger {name}"),
    ("trigger", "enabled", "replica", "enable replica trigger {name}"),
    ("trigger", "enabled", "always", "enable always trigger {name}"),
)
"""Kind, property, value, and what ALTER TABLE says then, in the order in which it can be said."""


def repair_sql(connection: Connection, differences: Iterable[Difference]) -> str:
    """A script that repairs the differences; empty without any.

    Args:
        connection: To the database in which they were found; only catalogs are read.
        differences: As :func:`mivaa_schema.drift.find` returned them.
    """
    listed = list(differences)
    return _script(connection, listed).write() if listed else ""


def closing_sql(connection: Connection, differences: Sequence[Difference]) -> list[list[str]]:
    """The statements that repair those differences that are about access, object by object.

    Args:
        connection: As for :func:`repair_sql`.
        differences: Some for which :func:`is_about_access` holds.

    Returns:
        For each object the statements that belong into one transaction; first those that wait for
        no lock.
    """
    script = _script(connection, [])
    groups: dict[CatalogObject, _Script] = {}
    for difference in differences:
        one = _Script(script.expected, script.live, script.dependents, script.grantees)
        groups.setdefault(difference.object, one).plan(difference)
    statements = [[*group.changes(), *map(_closing, group.others)] for group in groups.values()]
    return sorted(filter(None, statements), key=_urgency)


def _urgency(statements: list[str]) -> int:
    return 0 if statements[0].startswith("revoke all on") else 1


def is_about_access(difference: Difference) -> bool:
    """Whether it concerns who may do what: a grant, a policy, row-level security, a role."""
    kind = difference.object.kind
    return (
        difference.property in ("acl", "row_security", "force_row_security", *_UNRECORDED)
        or kind == "role"
        or (kind == "policy" and difference.property != "comment")
    )


def _script(connection: Connection, differences: Sequence[Difference]) -> _Script:
    """What repairs the differences, planned; reads catalogs."""
    with rolled_back(connection):
        revision, ledger = read_state(connection)
        expected = _expected(revision, ledger, differences)
        live = catalog.snapshot(connection)
        sql = (Path(__file__).parent / "dependents.sql").read_text(encoding="utf-8")
        dependents: dict[CatalogObject, list[CatalogObject]] = {}
        for kind, name, table, *dependent in connection.execute(text(sql)):
            item = CatalogObject(kind, catalog.bare_vector(name) or "", table)
            dependents.setdefault(item, []).append(CatalogObject(*dependent))
        grantees = read_grantees(connection)
    script = _Script(expected, live, dependents, grantees)
    for difference in differences:
        script.plan(difference)
    return script


def _expected(revision: str, ledger: Ledger, differences: Sequence[Difference]) -> Snapshot:
    """Everything that is ours, with all of its properties; a table that is missing is whole."""
    missing = {d.object for d in differences if d.property == MISSING}
    ledger |= {("table", item.name) for item in missing if item.kind == "table"}
    catalog_there = expected_catalog(revision, ledger)
    expected = {}
    for item, (properties, _) in scope_of(revision, ledger).items():
        expected[item] = catalog_there[item] | properties
        if item.kind == "column" and "nullable" not in properties:
            expected[item]["nullable"] = "null"
    return expected


@dataclass
class _Script:
    """Collects what has to be dropped, made and altered, and writes it in an order that works."""

    expected: Snapshot
    live: Snapshot
    dependents: dict[CatalogObject, list[CatalogObject]]
    grantees: Grantees
    drops: set[CatalogObject] = field(default_factory=set)
    made: set[CatalogObject] = field(default_factory=set)
    altered: dict[CatalogObject, set[str]] = field(default_factory=dict)
    options: dict[CatalogObject, str | None] = field(default_factory=dict)
    others: list[Difference] = field(default_factory=list)

    def write(self) -> str:
        quick = [*self.changes(), *map(_closing, self.others)]
        slow = [*_patient(list(self._indexes())), *self._constraints(), *self._not_null()]
        parts = [_HEADER]
        parts += ["\n".join(("begin;", *quick, "commit;\n"))] if quick else []
        parts += ["\n".join(("set statement_timeout = 0;", *slow, ""))] if slow else []
        return "\n".join(parts)

    def plan(self, difference: Difference) -> None:
        item, change = difference.object, difference.property
        if change in _UNRECORDED or (change != MISSING and item not in self.expected):
            self.others.append(difference)
        elif change == MISSING:
            parts = {other for other in self.expected if other.table == item.name}
            self.made |= {item} | (parts if item.kind == "table" else set())
        elif change in _REPLACED.get(item.kind, ()):
            self._replace(item)
        else:
            self.altered.setdefault(item, set()).add(change)
            if change == "options":
                self.options[item] = difference.found
            if item.kind == "column" and change == "type":
                self.altered[item].add("storage")
                self._replace_dependents(item)

    def _replace(self, item: CatalogObject) -> None:
        if item not in self.drops:
            self.drops.add(item)
            self.made.add(item)
            self._replace_dependents(item)

    def _replace_dependents(self, item: CatalogObject) -> None:
        if item.kind == "function":
            types = self.expected[item]["types"]
            item = CatalogObject("function", f"{item.name.partition('(')[0]}({types})")
        for other in self.dependents.get(item, ()):
            if other in self.expected:
                self._replace(other)

    def _of(self, where: Iterable[CatalogObject], kind: str) -> list[CatalogObject]:
        """Objects of a kind, in the order in which the revisions made them."""
        wanted = set(where)
        return [item for item in self.expected if item.kind == kind and item in wanted]

    # What is quick, in one transaction

    def changes(self) -> Iterator[str]:
        made_or_altered = self.made | self.altered.keys()
        if VECTOR in self.made:
            yield _CREATE_VECTOR
        for kind in ("policy", "trigger"):
            yield from (f"drop {kind} {i.name} on {i.table};" for i in self._of(self.drops, kind))
        for key in reversed(self._of(self.drops, "constraint")):
            yield f"alter table {key.table} drop constraint {key.name};"
        yield from (f"drop function {item.name};" for item in self._of(self.drops, "function"))
        yield from map(self._table, self._of(self.made, "table"))
        for item in self._of(made_or_altered, "column"):
            yield from self._column(item)
        functions = [
            *self._of(self.made, "function"),
            *self._of(
                (i for i, names in self.altered.items() if "definition" in names), "function"
            ),
        ]
        if functions:
            # A function's SET clause may name settings of the library, unknown until it is loaded.
            yield "select '[1]'::vector;"
            yield from (f"{self.expected[item]['definition']};" for item in functions)
        for item in self._of(made_or_altered, "trigger"):
            is_new, is_enabled = item in self.made, self.expected[item]["enabled"] == "yes"
            if is_new:
                yield f"{self.expected[item]['definition']};"
            names = set() if is_new and is_enabled else {"enabled"} if is_new else None
            yield from self._alter(item, names)
        yield from map(self._policy, self._of(self.made, "policy"))
        for item in self._of(made_or_altered, "table"):
            yield from self._table_properties(item)
        for item, properties in self.expected.items():
            names, is_new = self.altered.get(item, set()), item in self.made
            if "acl" in properties and (is_new or "acl" in names):
                yield from self._grants(item)
            if "comment" in names or (is_new and properties.get("comment")):
                yield self._comment(item)

    def _alter(self, item: CatalogObject, names: set[str] | None = None) -> Iterator[str]:
        """Give an object those of its properties that ALTER TABLE can, or all that differ."""
        names = self.altered.get(item, set()) if names is None else names
        for kind, name, value, action in _ALTER:
            # A setting that a draft changes is not recorded, and not repaired.
            if kind == item.kind and name in names & self.expected[item].keys():
                wanted = self.expected[item][name]
                if value == wanted or (value == _ANY and wanted is not None):
                    action = action.format(name=item.name, value=wanted)
                    yield f"alter table {item.table or item.name} {action};"

    def _table(self, table: CatalogObject) -> str:
        columns = [item for item in self.expected if item.kind == "column"]
        parts = [self._definition(item) for item in columns if item.table == table.name]
        for item in self._of(self.made, "constraint"):
            if item.table == table.name and self.expected[item]["type"] != "f":
                parts.append(f"constraint {item.name} {self.expected[item]['definition']}")
                self.made.remove(item)
        return f"create table {table.name} (\n  " + ",\n  ".join(parts) + "\n);"

    def _definition(self, column: CatalogObject) -> str:
        wanted = self.expected[column]
        default = "" if wanted["default"] is None else f" default {wanted['default']}"
        not_null = " not null" if wanted["nullable"] == "not null" else ""
        return f"{column.name} {wanted['type']}{default}{not_null}"

    def _column(self, item: CatalogObject) -> Iterator[str]:
        if item not in self.made:
            yield from self._alter(item)
            return
        if CatalogObject("table", item.table) not in self.made:
            definition = self._definition(item)
            if self.expected[item]["default"] is None and definition.endswith(" not null"):
                # Rows that are there have nothing to put into it.
                definition = definition.removesuffix(" not null")
                self.altered[item] = {"nullable"}
            yield f"alter table {item.table} add column {definition};"
        yield from self._alter(item, {"storage"})

    def _policy(self, item: CatalogObject) -> str:
        wanted = self.expected[item]
        words = [
            f"create policy {item.name} on {item.table} as {wanted['kind']}",
            f"for {wanted['command']} to {wanted['roles']}",
        ]
        words += [f"using ({wanted['using']})"] if wanted["using"] is not None else []
        words += [f"with check ({wanted['check']})"] if wanted["check"] is not None else []
        return "\n  ".join(words) + ";"

    def _table_properties(self, item: CatalogObject) -> Iterator[str]:
        wanted = self.expected[item]
        gone = options_of(self.options.get(item)).keys() - options_of(wanted.get("options")).keys()
        if gone:
            yield f"alter table {item.name} reset ({', '.join(sorted(gone))});"
        is_new = item in self.made
        yield from self._alter(item, {n for n in wanted if wanted[n] != "off"} if is_new else None)

    def _grants(self, item: CatalogObject) -> Iterator[str]:
        """Revoke everything, then grant in the recorded order, which a dump shows.

        The owner's own privileges come first; they are left alone where they do.
        """
        column = f" ({item.name})" if item.kind == "column" else ""
        what = f"{'table' if column else item.kind} {item.table or item.name}"
        wanted = grants_of(self.expected[item]["acl"])
        if column and not wanted and item in self.made:
            return
        had = grants_of(self.live.get(item, {}).get("acl"))
        grantees = list(self.grantees.known)
        if item in self.made or [*had.items()][:1] == [*wanted.items()][:1] or not wanted:
            grantees.remove("owner")
        # Cascade: what they passed on is not granted either.
        yield f"revoke all{column} on {what} from {', '.join(map(_role, grantees))} cascade;"
        for role in self.grantees.others:
            surplus = self.grantees.surplus(item, role, had.get(role, []))
            if surplus:
                names = ", ".join(f"{p.rstrip('*').lower()}{column}" for p in surplus)
                yield f"revoke {names} on {what} from {_role(role)} cascade;"
        for role, privileges in wanted.items():
            if role in grantees:
                names = "all" if role == "owner" else ", ".join(p.rstrip("*") for p in privileges)
                option = " with grant option" if privileges[0].endswith("*") else ""
                yield f"grant {names.lower()}{column} on {what} to {_role(role)}{option};"

    def _comment(self, item: CatalogObject) -> str:
        comment = self.expected[item]["comment"]
        name = f"{item.table}.{item.name}" if item.kind == "column" else item.name
        on = f" on {item.table}" if item.kind in ("policy", "trigger") else ""
        words = "null" if comment is None else literal(comment)
        return f"comment on {item.kind} {name}{on} is {words};"

    # What scans a table, each statement by itself

    def _indexes(self) -> Iterator[str]:
        for item in self._of(self.made, "index"):
            if item in self.drops:
                yield f"drop index concurrently {item.name};"
            definition = str(self.expected[item]["definition"])
            yield f"{definition.replace(' INDEX ', ' INDEX CONCURRENTLY ', 1)};"

    def _constraints(self) -> Iterator[str]:
        items = self._of(self.made | self.altered.keys(), "constraint")
        for item in sorted(items, key=lambda item: "pucxf".index(str(self.expected[item]["type"]))):
            wanted, table = self.expected[item], f"alter table {item.table}"
            if item in self.made and wanted["type"] in ("p", "u"):
                schema = item.table.partition(".")[0]
                kind, _, keys = str(wanted["definition"]).partition(" (")
                yield from _patient(
                    [
                        f"drop index concurrently if exists {schema}.{item.name};",
                        f"create unique index concurrently {item.name} on {item.table} ({keys};",
                    ]
                )
                yield f"{table} add constraint {item.name} {kind} using index {item.name};"
                continue
            # An exclusion constraint cannot be added NOT VALID.
            later = "" if wanted["type"] == "x" else " not valid"
            if item in self.made:
                yield f"{table} add constraint {item.name} {wanted['definition']}{later};"
            if wanted["validated"] == "yes" and later:
                yield f"{table} validate constraint {item.name};"

    def _not_null(self) -> Iterator[str]:
        for item in self._of(self.altered, "column"):
            if "nullable" in self.altered[item] and self.expected[item]["nullable"] == "not null":
                table = f"alter table {item.table}"
                check = f"check ({item.name} is not null)"
                yield f"{table} add constraint mivaa_not_null {check} not valid;"
                yield f"{table} validate constraint mivaa_not_null;"
                yield f"{table} alter column {item.name} set not null;"
                yield f"{table} drop constraint mivaa_not_null;"


def _patient(lines: list[str]) -> list[str]:
    """A concurrent build stops nobody, and has to wait for every transaction that is open."""
    return ["set lock_timeout = 0;", *lines, "set lock_timeout = '5s';"] if lines else []


def _closing(difference: Difference) -> str:
    """Revoke what :func:`mivaa_schema.drift.grantees.other_access` has found to be granted."""
    kind, name = difference.object.kind, printable_sql(difference.object.name)
    roles = (difference.found or "").removeprefix("granted to ")
    match difference.property:
        case "membership":
            return f"revoke {name} from {roles};"
        case "runs":
            return f"alter table {difference.object.table} disable trigger {name};"
        case "owner":
            return f"alter {kind} {name} owner to {difference.expected};"
        case "create" | "acl":
            right = "create" if kind == "schema" else "all"
            return f"revoke {right} on {kind} {name} from {roles} cascade;"
    return f"alter role {name} no{difference.property};"


def _role(grantee: str) -> str:
    return "current_user" if grantee == "owner" else printable_sql(grantee)
