"""What a downgrade would lose: the rows of its tables, and the values of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from mivaa_schema import history
from mivaa_schema.errors import MivaaError
from mivaa_schema.operations.columns import default_of, is_volatile
from mivaa_schema.operations.sql import MIGRATION, literal, qualified, quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection


class DowngradeDeclined(MivaaError):
    """The downgrade was not confirmed. Nothing was changed."""


_OTHERS = {"public.migration_tracking": f"migration_name <> {literal(MIGRATION)}"}
"""Which rows of a table count; the chain's own records are made anew."""


def losses(connection: Connection, revisions: Iterable[str]) -> list[str]:
    """What the downgrades of revisions would drop that holds something, each with its number.

    Only what the ledger holds is dropped: what an adopted platform brought along stays. Values that
    are the constant default of their column do not count.

    Args:
        connection: To the database that is downgraded.
        revisions: Numbers of the revisions.
    """
    if connection.execute(text("select to_regclass('mivaa.ledger')")).scalar() is None:
        return []
    rows = connection.execute(text("select kind, object_name from mivaa.ledger"))
    ledger = {(kind, name) for kind, name in rows}
    reverted = set(revisions)
    objects = history.objects("table", "column", through=max(reverted, default=""))
    # A later revision may have changed what an earlier one, which stays, has created.
    created = [o for o in objects if o["revision"] in reverted]
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
