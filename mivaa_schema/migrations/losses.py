"""What stands against a downgrade: rows and values that it would lose, and what others use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from mivaa_schema import history
from mivaa_schema.errors import Lines, MivaaError
from mivaa_schema.operations.columns import default_of, is_volatile
from mivaa_schema.operations.sql import MIGRATION, literal, qualified, quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection


class DowngradeDeclined(MivaaError):
    """The downgrade was not confirmed. Nothing was changed."""


class UsedByOthers(MivaaError):
    """The downgrade would stop half-way: others use what it drops. Nothing was changed. Found:
      {uses}
    Drop each of them, or let it do without, then run the same command again.
    """


_DEPENDED_ON = (
    *("table", "column", "index", "function", "alias", "policy", "trigger"),
    *("check", "foreign_key", "unique", "exclusion"),
)

_OTHERS = {"public.migration_tracking": f"migration_name <> {literal(MIGRATION)}"}
"""Which rows of a table count; the chain's own records are made anew."""


def refuse_used_by_others(connection: Connection, revisions: Iterable[str]) -> None:
    """Look for what others have built on objects that the downgrades of revisions drop.

    Views, policies, foreign keys, functions, defaults: whatever PostgreSQL would not let us drop
    without ``cascade``. The vector extension is left out; it stays where others use it.

    Raises:
        UsedByOthers: There is something.
    """
    ledger, reverted = _ledger(connection), set(revisions)
    ours = [
        {name: one.get(name, "") for name in ("kind", "name", "table")}
        | {"dropped": one["revision"] in reverted and _is_dropped(one, ledger)}
        for one in history.objects(*_DEPENDED_ON, through=max(reverted, default=""))
    ]
    sql = (Path(__file__).parent / "dependents.sql").read_text(encoding="utf-8")
    rows = connection.execute(text(sql), {"ours": json.dumps(ours)}).all()
    if rows:
        raise UsedByOthers(uses=Lines.of(f"{kind} {name} uses {ours}" for kind, name, ours in rows))


def _is_dropped(one: history.SchemaObject, ledger: set[tuple[str, str]]) -> bool:
    """Whether a downgrade drops an object, or leaves it to the platform that brought it along."""
    name = f"{one['table']}.{one['name']}" if one.get("table") else one["name"]
    match one["kind"]:
        case "table":
            return ("table", name) in ledger
        case "column":
            return ("column", name) in ledger
        case "index":
            return ("index", one["name"]) in ledger
        case "alias":
            return ("function", name) in ledger
        case "function" | "policy" | "trigger":
            return True
    return ("constraint", name) in ledger


def _ledger(connection: Connection) -> set[tuple[str, str]]:
    if connection.execute(text("select to_regclass('mivaa.ledger')")).scalar() is None:
        return set()
    rows = connection.execute(text("select kind, object_name from mivaa.ledger"))
    return {(kind, name) for kind, name in rows}


def losses(connection: Connection, revisions: Iterable[str]) -> list[str]:
    """What the downgrades of revisions would drop that holds something, each with its number.

    Only what the ledger holds is dropped: what an adopted platform brought along stays. Values that
    are the constant default of their column do not count.

    Args:
        connection: To the database that is downgraded.
        revisions: Numbers of the revisions.
    """
    ledger = _ledger(connection)
    reverted = set(revisions)
    objects = history.objects("table", "column", through=max(reverted, default=""))
    # A later revision may have changed what an earlier one, which stays, has created.
    created = [one for one in objects if one["revision"] in reverted]
    tables = [o["name"] for o in created if ("table", o["name"]) in ledger]
    found = []
    for table in dict.fromkeys(tables):
        if (count := _count(connection, table, _OTHERS.get(table, "true"))) > 0:
            found.append(f"{table} with {count} row{'' if count == 1 else 's'}")
    for item in created:
        table, name = item.get("table", ""), item["name"]
        is_ours = item["kind"] == "column" and ("column", f"{table}.{name}") in ledger
        if not is_ours or table in tables or item.get("generated"):
            continue
        default, condition = default_of(item), f"{quote(name)} is not null"
        if default is not None and not is_volatile(item):
            # As text: json and others have no equality.
            value = f"({default.removeprefix('default ')})::{item['type']}"
            condition = f"{quote(name)}::text is distinct from {value}::text"
        if (values := _count(connection, table, condition)) > 0:
            found.append(f"{values} value{'' if values == 1 else 's'} of {table}.{name}")
    return found


def _count(connection: Connection, table: str, condition: str) -> int:
    statement = f"select count(*) from {qualified(table)} where {condition}"
    count = connection.exec_driver_sql(
        statement, execution_options={"no_parameters": True}
    ).scalar_one()
    return int(count)
