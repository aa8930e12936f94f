"""The SQL that repairs drift: a script for psql, run as the owner of the tables."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from sqlalchemy import text

from mivaa_schema import catalog
from mivaa_schema.catalog import CatalogObject, Snapshot
from mivaa_schema.drift import GRANTEES, MISSING, VECTOR, grants_of, read_only
from mivaa_schema.drift.ours import expected_catalog, options_of, read_state, scope_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection

    from mivaa_schema.drift import Difference
    from mivaa_schema.drift.ours import Ledger

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

_REPLACED = {
    "policy": {"kind", "command", "roles", "using", "check"},
    "trigger": {"definition"},
    "constraint": {"type", "definition"},
    "index": {"definition", "valid"},
    "function": {"signature"},
}
"""Properties that only a new object of the kind can have."""


def repair_sql(connection: Connection, differences: Iterable[Difference]) -> str:
    """A script that repairs the differences; empty without any.

    Args:
        connection: To the database in which they were found; only catalogs are read.
        differences: As :func:`mivaa_schema.drift.find` returned them.
    """
    if not (listed := list(differences)):
        return ""
    with read_only(connection):
        revision, ledger = read_state(connection)
        expected = _expected(revision, ledger, listed)
        live = catalog.snapshot(connection)
        sql = resources.files("mivaa_schema.drift").joinpath("dependents.sql").read_text("utf-8")
        dependents: dict[CatalogObject, list[CatalogObject]] = {}
        for kind, name, table, *dependent in connection.execute(text(sql)):
            item = CatalogObject(kind, catalog.bare_vector(name) or "", table)
            dependents.setdefault(item, []).append(CatalogObject(*dependent))
        roles = {"owner", "public", *connection.execute(text(_ROLES)).scalars()}
    return _Script(expected, live, dependents, roles).write(listed)


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


class _Script:
    """Collects what has to be dropped, made and altered, and writes it in an order that works."""

    def __init__(
        self,
        expected: Snapshot,
        live: Snapshot,
        dependents: dict[CatalogObject, list[CatalogObject]],
        roles: set[str],
    ) -> None:
        self.expected = expected
        self.live = live
        self.dependents = dependents
        self.grantees = [role for role in GRANTEES if role in roles]
        self.drops: dict[CatalogObject, None] = {}
        self.made: dict[CatalogObject, None] = {}
        self.altered: dict[CatalogObject, set[str]] = {}
        self.options: dict[CatalogObject, str] = {}

    def write(self, differences: Sequence[Difference]) -> str:
        for difference in differences:
            self._plan(difference)
        parts = [_HEADER]
        changes = self._changes()
        if changes:
            parts.append("\n".join(("begin;", *changes, "commit;\n")))
        later = [*self._indexes(), *self._constraints(), *self._not_null()]
        if later:
            parts.append("\n".join(("set statement_timeout = 0;", *later, "")))
        return "\n".join(parts)

    def _plan(self, difference: Difference) -> None:
        item, change = difference.object, difference.property
        if change == MISSING:
            parts = [other for other in self.expected if other.table == item.name]
            for one in (item, *(parts if item.kind == "table" else ())):
                self.made[one] = None
        elif change in _REPLACED.get(item.kind, ()):
            self._replace(item)
        else:
            self.altered.setdefault(item, set()).add(change)
            if change == "options":
                self.options[item] = difference.found or ""
            if item.kind == "column" and change == "type":
                self.altered[item] |= {"storage"}
                self._replace_dependents(item)

    def _replace(self, item: CatalogObject) -> None:
        if item not in self.drops:
            self.drops[item] = self.made[item] = None
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
        chosen = set(where)
        return [item for item in self.expected if item.kind == kind and item in chosen]

    # What is quick, in one transaction

    def _changes(self) -> list[str]:
        lines = []
        if VECTOR in self.made:
            lines.append(_CREATE_VECTOR)
        for kind in ("policy", "trigger"):
            lines += [f"drop {kind} {i.name} on {i.table};" for i in self._of(self.drops, kind)]
        for key in reversed(self._of(self.drops, "constraint")):
            lines.append(f"alter table {key.table} drop constraint {key.name};")
        lines += [f"drop function {i.name};" for i in self._of(self.drops, "function")]
        lines += [self._table(i) for i in self._of(self.made, "table")]
        for column in self._of({*self.made, *self.altered}, "column"):
            lines += self._column(column)
        functions = self._of(self.made, "function")
        functions += [
            i for i in self._of(self.altered, "function") if "definition" in self.altered[i]
        ]
        if functions:
            # A function's SET clause may name settings of the library, unknown until it is loaded.
            lines.append("select '[1]'::vector;")
            lines += [f"{self.expected[i]['definition']};" for i in functions]
        lines += self._triggers()
        lines += [self._policy(i) for i in self._of(self.made, "policy")]
        for table in self._of({*self.made, *self.altered}, "table"):
            lines += self._table_properties(table)
        for item, properties in self.expected.items():
            names = self.altered.get(item, set())
            is_new = item in self.made
            if "acl" in properties and (is_new or "acl" in names):
                lines += self._grants(item)
            if "comment" in names or (is_new and properties.get("comment")):
                lines.append(self._comment(item))
        return lines

    def _table(self, table: CatalogObject) -> str:
        parts = [
            self._column_definition(item, properties)
            for item, properties in self.expected.items()
            if item.kind == "column" and item.table == table.name
        ]
        for item in self._of(self.made, "constraint"):
            if item.table == table.name and self.expected[item]["type"] != "f":
                parts.append(f"constraint {item.name} {self.expected[item]['definition']}")
                del self.made[item]
        return f"create table {table.name} (\n  " + ",\n  ".join(parts) + "\n);"

    def _column_definition(
        self, item: CatalogObject, properties: catalog.Properties, *, has_rows: bool = False
    ) -> str:
        words = [item.name, str(properties["type"])]
        if properties["default"] is not None:
            words.append(f"default {properties['default']}")
        if properties["nullable"] == "not null" and not (has_rows and len(words) == 2):
            words.append("not null")
        return " ".join(words)

    def _column(self, item: CatalogObject) -> list[str]:
        wanted, names = self.expected[item], self.altered.get(item, set())
        table, column = f"alter table {item.table}", f"alter column {item.name}"
        lines = []
        if item in self.made:
            names = {"storage"}
            if CatalogObject("table", item.table) not in self.made:
                added = self._column_definition(item, wanted, has_rows=True)
                lines.append(f"{table} add column {added};")
                if wanted["nullable"] == "not null" and wanted["default"] is None:
                    self.altered[item] = {"nullable"}
        if "generated" in names and wanted["generated"] is None:
            lines.append(f"{table} {column} drop expression;")
        if "identity" in names and wanted["identity"] is None:
            lines.append(f"{table} {column} drop identity;")
        if "type" in names:
            lines.append(
                f"{table} {column} type {wanted['type']} using {item.name}::{wanted['type']};"
            )
        if "default" in names:
            value = wanted["default"]
            lines.append(
                f"{table} {column} {'drop default' if value is None else f'set default {value}'};"
            )
        if "nullable" in names and wanted["nullable"] == "null":
            lines.append(f"{table} {column} drop not null;")
        if "storage" in names:
            lines.append(f"{table} {column} set storage {wanted['storage']};")
        return lines

    def _triggers(self) -> list[str]:
        lines = []
        for item in self._of({*self.made, *self.altered}, "trigger"):
            wanted = self.expected[item]
            if item in self.made:
                lines.append(f"{wanted['definition']};")
            if "enabled" in self.altered.get(item, ()) or wanted["enabled"] != "yes":
                verbs = {"yes": "enable", "no": "disable"}
                verb = verbs.get(str(wanted["enabled"]), f"enable {wanted['enabled']}")
                lines.append(f"alter table {item.table} {verb} trigger {item.name};")
        return lines

    def _policy(self, item: CatalogObject) -> str:
        wanted = self.expected[item]
        words = [f"create policy {item.name} on {item.table} as {wanted['kind']}"]
        words.append(f"for {wanted['command']} to {wanted['roles']}")
        if wanted["using"] is not None:
            words.append(f"using ({wanted['using']})")
        if wanted["check"] is not None:
            words.append(f"with check ({wanted['check']})")
        return "\n  ".join(words) + ";"

    def _table_properties(self, item: CatalogObject) -> list[str]:
        wanted, lines = self.expected[item], []
        names = self.altered.get(item, set())
        if item in self.made:
            names = {name for name, value in wanted.items() if value not in (None, "off")}
        if "row_security" in names:
            verb = {"on": "enable", "off": "disable"}[str(wanted["row_security"])]
            lines.append(f"alter table {item.name} {verb} row level security;")
        if "force_row_security" in names:
            verb = {"on": "force", "off": "no force"}[str(wanted["force_row_security"])]
            lines.append(f"alter table {item.name} {verb} row level security;")
        if "options" in names:
            gone = options_of(self.options.get(item)).keys() - options_of(wanted["options"]).keys()
            if gone:
                lines.append(f"alter table {item.name} reset ({', '.join(sorted(gone))});")
            if wanted["options"]:
                lines.append(f"alter table {item.name} set ({wanted['options']});")
        return lines

    def _grants(self, item: CatalogObject) -> list[str]:
        """Revoke everything, then grant in the recorded order, which a dump shows.

        The owner's own privileges come first; they are left alone where they do.
        """
        column = f" ({item.name})" if item.kind == "column" else ""
        what = f"{'table' if column else item.kind} {item.table or item.name}"
        wanted = grants_of(self.expected[item]["acl"])
        if column and not wanted and item in self.made:
            return []
        had = grants_of(self.live.get(item, {}).get("acl"))
        grantees = list(self.grantees)
        if item in self.made or [*had.items()][:1] == [*wanted.items()][:1] or not wanted:
            grantees.remove("owner")
        lines = [f"revoke all{column} on {what} from {', '.join(map(_role, grantees))};"]
        for role, privileges in wanted.items():
            if role in grantees:
                names = "all" if role == "owner" else ", ".join(p.rstrip("*") for p in privileges)
                option = " with grant option" if privileges[0].endswith("*") else ""
                lines.append(f"grant {names.lower()}{column} on {what} to {_role(role)}{option};")
        return lines

    def _comment(self, item: CatalogObject) -> str:
        comment = self.expected[item]["comment"]
        said = "null" if comment is None else "'" + comment.replace("'", "''") + "'"
        name = f"{item.table}.{item.name}" if item.kind == "column" else item.name
        on = f" on {item.table}" if item.kind in ("policy", "trigger") else ""
        return f"comment on {item.kind} {name}{on} is {said};"

    # What scans a table, each statement by itself

    def _indexes(self) -> list[str]:
        lines = []
        for item in self._of(self.made, "index"):
            if item in self.drops:
                lines.append(f"drop index concurrently {item.name};")
            definition = str(self.expected[item]["definition"])
            lines.append(f"{definition.replace(' INDEX ', ' INDEX CONCURRENTLY ', 1)};")
        return _patient(lines)

    def _constraints(self) -> list[str]:
        lines = []
        items = self._of({*self.made, *self.altered}, "constraint")
        for item in sorted(items, key=lambda item: "pucxf".index(str(self.expected[item]["type"]))):
            wanted, table = self.expected[item], f"alter table {item.table}"
            if item in self.made and wanted["type"] in ("p", "u"):
                schema = item.table.partition(".")[0]
                kind, _, keys = str(wanted["definition"]).partition(" (")
                lines += _patient(
                    [
                        f"drop index concurrently if exists {schema}.{item.name};",
                        f"create unique index concurrently {item.name} on {item.table} ({keys};",
                    ]
                )
                lines += [
                    f"{table} add constraint {item.name} {kind} using index {item.name};",
                ]
            else:
                if item in self.made:
                    lines.append(
                        f"{table} add constraint {item.name} {wanted['definition']} not valid;"
                    )
                if wanted["validated"] == "yes":
                    lines.append(f"{table} validate constraint {item.name};")
        return lines

    def _not_null(self) -> list[str]:
        lines = []
        for item in self._of(self.altered, "column"):
            if "nullable" in self.altered[item] and self.expected[item]["nullable"] == "not null":
                table = f"alter table {item.table}"
                check = f"check ({item.name} is not null)"
                lines += [
                    f"{table} add constraint mivaa_not_null {check} not valid;",
                    f"{table} validate constraint mivaa_not_null;",
                    f"{table} alter column {item.name} set not null;",
                    f"{table} drop constraint mivaa_not_null;",
                ]
        return lines


def _patient(lines: list[str]) -> list[str]:
    """A concurrent build stops nobody, and has to wait for every transaction that is open."""
    return ["set lock_timeout = 0;", *lines, "set lock_timeout = '5s';"] if lines else []


def _role(grantee: str) -> str:
    return "current_user" if grantee == "owner" else grantee


_CREATE_VECTOR = """\
do $mivaa$ begin
  if to_regnamespace('extensions') is not null then create extension vector schema extensions;
  else create extension vector schema public; end if; end $mivaa$;"""

_ROLES = "select rolname::text from pg_catalog.pg_roles"
