"""Keeps create_all, drop_all and an application's own Alembic from tables that revisions make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, event

from mivaa_schema.errors import MivaaError
from mivaa_schema.models.base import Base

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection
    from sqlalchemy.schema import MetaData, SchemaItem

FOREIGN_SCHEMAS = ("mivaa", "auth")
"""What an application's own Alembic leaves alone: our private schema, and that of Supabase Auth."""


class MadeByRevisions(MivaaError):
    """Revisions make {tables}, with policies, triggers and functions; {call}() would {what} them
    alone. Use `alembic upgrade head` or `alembic downgrade` for them; for tables of your own, name
    them: {call}(engine, tables=[...]). Nothing was changed.
    """


OURS: set[Table] = set()
"""The tables of our models."""


def guard(tables: Iterable[Table]) -> None:
    """Refuse that create_all creates, or drop_all drops, one of the tables."""
    OURS.update(tables)
    event.listen(Base.metadata, "before_create", _refuse_create)
    event.listen(Base.metadata, "before_drop", _refuse_drop)


def _refuse_create(_: MetaData, _connection: Connection, **given: Any) -> None:
    _refuse("create_all", "create", given.get("tables"))


def _refuse_drop(_: MetaData, _connection: Connection, **given: Any) -> None:
    _refuse("drop_all", "drop", given.get("tables"))


def _refuse(call: str, what: str, tables: Iterable[Table] | None) -> None:
    # Only those that are not there are created, and only those that are there are dropped.
    ours = sorted(table.fullname for table in tables or () if table in OURS)
    if ours:
        raise MadeByRevisions(call=call, what=what, tables=", ".join(ours))


def include_object(
    item: SchemaItem,
    name: str | None,
    type_: str,
    reflected: bool,
    compare_to: SchemaItem | None,
) -> bool:
    """Whether an application's own Alembic may compare an object; hand it to ``context.configure``.

    Left out is what the revisions of this project make: our tables, what lies on them, and schema
    ``mivaa``; and schema ``auth``, which is the platform's. What the application's own models say
    about a table of the same name is compared as ever, but for columns, indexes and constraints of
    ours that its models do not have.

    Args:
        item: The table, column, index or constraint.
        name: Its name.
        type_: ``table``, ``column``, ``index``, ``unique_constraint``, ``foreign_key_constraint``.
        reflected: Whether it was read from the database.
        compare_to: What it is compared with; None if there is nothing.
    """
    table = item if isinstance(item, Table) else getattr(item, "table", None)
    if not isinstance(table, Table):
        return True
    if table in OURS:
        return False
    if not reflected or compare_to is not None:
        return True
    if table.schema not in (None, "public"):
        return table.schema not in FOREIGN_SCHEMAS
    model = next((one for one in OURS if one.name == table.name and one.schema is None), None)
    if model is None:
        return True
    return type_ != "table" and name not in _names(model)


def _names(table: Table) -> set[str]:
    """Names of the columns, indexes and constraints of a table."""
    lying = (*table.columns, *table.indexes, *table.constraints)
    return {str(item.name) for item in lying if getattr(item, "name", None) is not None}
