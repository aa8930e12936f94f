"""Objects as a revision writes them: columns as Alembic does, others as calls of operations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.schema import Column, DefaultClause
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.types import TypeDecorator, TypeEngine

from mivaa_schema.operations.sql import DIALECT

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

    from mivaa_schema.history import SchemaObject

_WIDTH = 76
"""Characters of a piece of text, so that a line holds what stands around it too."""


class Renderer:
    """Renders objects, and collects the imports that they need."""

    def __init__(self, context: MigrationContext) -> None:
        options = {**context.opts, "render_item": render_item}
        self._context = AutogenContext(context, opts=options, autogenerate=False)
        self.imports = self._context.imports

    def column(self, column: Column[Any]) -> str:
        """A column, ``sa.Column(...)``."""
        return str(render._render_column(column, self._context))

    @staticmethod
    def item(item: SchemaObject) -> str:
        """An index, a constraint or a setting, by the operation that gives the object."""
        read = ("kind", "path", "line")
        given = {name: value for name, value in item.items() if name not in read}
        if item["kind"] == "index":
            given["name"] = item["name"].partition(".")[2]
            given["columns"] = given.pop("definition")
        elif item["kind"] == "unique":
            given["keys"] = given["columns"]
            given["columns"] = given.pop("index")["definition"]
        first = [literal(given.pop(name)) for name in ("name", "table")]
        rest = [f"{name}={literal(value)}" for name, value in given.items()]
        return f"{item['kind']}({', '.join((*first, *rest))})"


def render_item(kind: str, item: Any, context: AutogenContext) -> str | bool:
    """How types and defaults stand in a revision where Alembic would write something else.

    Alembic strips quotes at the ends of a default, and writes types of others by their module.
    """
    if kind == "server_default" and isinstance(item, DefaultClause):
        if isinstance(item.arg, str):
            return repr(item.arg)
        if isinstance(item.arg, TextClause):
            return f"sa.text({item.arg.text!r})"
        text = item.arg.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})
        return f"sa.text({str(text).replace(':', chr(92) + ':')!r})"
    if kind == "type" and isinstance(item, TypeEngine):
        # SQLAlchemy's own decorated types, such as Interval, are rendered by Alembic.
        bare = item
        if isinstance(item, TypeDecorator) and not type(item).__module__.startswith("sqlalchemy."):
            bare = item.load_dialect_impl(DIALECT)
        if type(bare).__module__.startswith("pgvector."):
            name = type(bare).__name__
            context.imports.add(f"from pgvector.sqlalchemy import {name}")
            return f"{name}({getattr(bare, 'dim', None) or getattr(bare, 'length', None) or ''})"
        if type(bare).__name__.startswith("_"):
            # A driver's own variant of a type.
            bare = bare.as_generic()
        if bare is not item:
            return str(render._repr_type(bare, context))
    return False


def constant_name(item: SchemaObject) -> str:
    """The name of the constant that holds an object."""
    name = item["name"].removeprefix("public.")
    if item["kind"] in ("column", "storage", "option"):
        name = f"{item['table'].partition('.')[2]}_{name}"
    if item["kind"] == "storage":
        name += "_storage"
    name = re.sub(r"\W+", "_", name).upper().strip("_")
    return name if name.isidentifier() else f"OBJECT_{name}"


def literal(value: Any) -> str:
    """A value of Python; a long string in several pieces, none wider than a line."""
    if not isinstance(value, str) or (len(value) <= _WIDTH and "\n" not in value):
        return repr(value)
    lines = value.splitlines(keepends=True)
    pieces = [line[n : n + _WIDTH] for line in lines for n in range(0, len(line), _WIDTH)]
    return "(\n" + "".join(f"    {piece!r}\n" for piece in pieces) + ")"
