"""What of a schema is ours in a database: all that the revisions created or changed there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import text

from mivaa_schema import catalog, history
from mivaa_schema.catalog import CatalogObject, Properties, Snapshot
from mivaa_schema.errors import MivaaError
from mivaa_schema.migrations import UnknownRevision, recorded_revisions

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class NothingToCompare(MivaaError):
    """The database has no revision, so there is nothing that it could be compared with.
    Run `alembic upgrade head` first, or look whether the address leads to the database you mean.
    """


class LedgerMissing(MivaaError):
    """The table mivaa.ledger is missing, and nothing else says what the revisions have created here
    and what they found. Restore it from a backup (`pg_restore --table=ledger`), then look again.
    """


class LedgerNotReadable(MivaaError):
    """Role `{role}` cannot read {tables}. To find drift it needs
      grant usage on schema mivaa to {role};
      grant select on mivaa.ledger, mivaa.alembic_version to {role};
    Run that as the owner of the tables, or use another role.
    """


Ledger = frozenset[tuple[str, str]]
"""Kind and name of what the revisions have created or changed in a database."""


def read_state(connection: Connection) -> tuple[str, Ledger]:
    """The revision of a database, and its ledger.

    Raises:
        NothingToCompare, UnknownRevision, LedgerMissing, LedgerNotReadable: as ``find`` says.
    """
    state = connection.execute(text(_STATE)).mappings().one()
    if "alembic_version" not in (state["tables"] or ()):
        raise NothingToCompare
    if "ledger" not in state["tables"]:
        raise LedgerMissing
    if state["closed"]:
        tables = " and ".join(f"mivaa.{name}" for name in state["closed"])
        raise LedgerNotReadable(role=state["role"], tables=tables)
    revisions = recorded_revisions(connection)
    if not revisions:
        raise NothingToCompare
    for name in revisions:
        if name not in history.folders():
            head, folder = history.head(), history.versions_folder()
            raise UnknownRevision(revision=name, head=head, folder=folder)
    rows = connection.exec_driver_sql("select kind, object_name from mivaa.ledger").all()
    return max(revisions), frozenset((kind, name) for kind, name in rows)


def expected_catalog(revision: str, ledger: Ledger) -> Snapshot:
    """What the revisions make: the recorded catalog, and the checks that adopted tables alone have.

    A column that is NOT NULL in a table of ours has a check instead where it is nullable in a table
    that was there before.
    """
    found = without_drafted(catalog.recorded(revision), catalog.unrecorded(revision))
    for check in history.objects("check", through=revision):
        item = CatalogObject("constraint", check["name"], check["table"])
        if ("constraint", f"{item.table}.{item.name}") in ledger and "not_null" in check:
            definition = f"CHECK (({check['not_null']} IS NOT NULL))"
            found.setdefault(item, {"type": "c", "definition": definition, "validated": "yes"})
    return found


def without_drafted(found: Snapshot, drafted: list[history.SchemaObject]) -> Snapshot:
    """Leave out what drafted revisions create, change or drop; nothing records that yet.

    Of what their grants, comments and settings name, those properties alone are left out.
    """
    whole = {history.key(item) for item in drafted}
    gone = {item["name"] for item in drafted if item["kind"] == "table" and "comment" not in item}
    said = [i["name"].replace('"', "") for i in drafted if i["kind"] in ("grant", "comment")]
    kept: Snapshot = {}
    for item, properties in found.items():
        name = item.name.partition("(")[0].replace('"', "")
        table = item.table.replace('"', "")
        kinds = _KINDS.get(item.kind, (item.kind,))
        if table in gone or any((kind, table, name) in whole for kind in kinds):
            continue
        left = {"storage"} if ("storage", table, name) in whole else set()
        if item.kind == "table" and any(key[:2] == ("option", name) for key in whole):
            left.add("options")
        if any(_is_named(item.kind, table, name, statement) for statement in said):
            left |= {"acl", "comment"}
        kept[item] = {key: value for key, value in properties.items() if key not in left}
    return kept


def _is_named(kind: str, table: str, name: str, statement: str) -> bool:
    """Whether a statement without quotes is about an object, as far as its words tell."""
    wanted = [rf"(?<![\w.]){re.escape(table)}(?!\w)"] if table else []
    # The name of a schema stands before that of everything in it.
    before = r"\bschema " if kind == "schema" else r"(?<!\w)"
    wanted.append(rf"{before}{re.escape(name)}(?!\w)")
    return all(re.search(one, statement) for one in wanted)


_KINDS = {"constraint": ("foreign_key", "check", "unique", "exclusion")}

SINGLE = ("schema", "function")
"""Kinds of objects that lie on no table."""


def is_created(table: str, ledger: Ledger) -> bool:
    """Whether the revisions created a table, and did not find it there."""
    return table.startswith("mivaa.") or ("table", table) in ledger


def scope_of(revision: str, ledger: Ledger) -> dict[CatalogObject, tuple[Properties, bool]]:
    """Which objects are ours, which of their properties, and whether they have to be there.

    Everything of what the revisions created. In a table that was there before them, what the ledger
    holds, and triggers and policies; row-level security and grants where they put their rules.
    """
    scope: dict[CatalogObject, tuple[Properties, bool]] = {}
    for item, properties in expected_catalog(revision, ledger).items():
        table = item.table or item.name
        if item.kind in SINGLE or is_created(table, ledger):
            scope[item] = properties, True
            continue
        name = item.name if item.kind == "index" else f"{table}.{item.name}"
        is_recorded = (item.kind, name) in ledger
        is_closed = bool({("rules", table), ("acl", table)} & ledger)
        names: set[str] = set()
        if item.kind == "table":
            names = {"row_security", "force_row_security", "acl"} if is_closed else set()
            ours = options_of(properties.get("options")).items()
            options = [f"{o}={v}" for o, v in ours if ("option", f"{table}.{o}") in ledger]
            properties = {**properties, "options": ", ".join(options) or None}
            names |= {"options"} if options else set()
        elif item.kind == "column":
            names = set(properties) - {"acl"} if is_recorded else set()
            names |= {"storage"} if ("storage", name) in ledger else set()
            names |= {"acl"} if is_closed else set()
            if properties.get("default") is None:
                # Rows that were there had nothing to put into it.
                names.discard("nullable")
        elif item.kind in ("constraint", "index"):
            names = set(properties) - {"validated"} if is_recorded else set()
        elif item.kind == "trigger" or ("rules", table) in ledger:
            names = set(properties)
        if names or item.kind == "table":
            is_required = item.kind != "column" or is_recorded
            # What a draft changes is not recorded, and left out.
            scope[item] = {name: properties[name] for name in names & set(properties)}, is_required
    return scope


def options_of(options: str | None) -> dict[str, str]:
    """The value of each storage parameter."""
    pairs = (pair.partition("=") for pair in (options or "").split(", "))
    return {name: value for name, _, value in pairs if name}


_STATE = """
select quote_ident(current_user) as role, array_agg(c.relname::text) as tables,
  array_agg(c.relname::text) filter (where not has_schema_privilege(n.oid, 'usage')
    or not has_table_privilege(c.oid, 'select')) as closed
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'mivaa' and c.relname in ('ledger', 'alembic_version')
"""
