"""What differs between the current definitions and the history, on Alembic's own comparison."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import renderers
from alembic.autogenerate.rewriter import Rewriter
from alembic.operations import MigrateOperation, ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy.exc import SAWarning

from mivaa_schema import history
from mivaa_schema.drafting import current
from mivaa_schema.history import Key, SchemaObject
from mivaa_schema.models import Base

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import UpgradeOps
    from sqlalchemy import MetaData

NAME = "mivaa_schema"

# What says nothing about how an object is: where it was read, and what adoption makes of it.
_IGNORED = frozenset(
    {"revision", "defined_in", "path", "line", "file", "accepts", "room", "allowed", "column"}
)

# Only the chain has these, no model and no SQL file.
_OF_HISTORY_ALONE = frozenset({"extension", "alias", "rules"})


@dataclass(eq=False)
class Difference(MigrateOperation):
    """One object that the current definitions have otherwise than the history.

    Attributes:
        before: As the newest manifest that mentions it has it; None where there is none.
        after: As the models or SQL files have it; None where it is gone.
    """

    before: SchemaObject | None
    after: SchemaObject | None

    @property
    def either(self) -> SchemaObject:
        """Whichever there is; the kind, table and name are the same in both."""
        found = self.after or self.before
        assert found is not None  # noqa: S101 - no difference has neither
        return found

    @property
    def key(self) -> Key:
        """What tells objects apart."""
        return history.key(self.either)

    @property
    def kind(self) -> str:
        """``table``, ``column``, ``function`` and so on."""
        return str(self.either["kind"])

    @property
    def table(self) -> str:
        """Qualified name of the table that it is or lies on; empty for a function."""
        return str(self.either["name"] if self.kind == "table" else self.either.get("table", ""))

    def reverse(self) -> Difference:
        """What a downgrade does."""
        return Difference(self.after, self.before)

    def to_diff_tuple(self) -> tuple[str, str]:
        """What ``alembic check`` prints."""
        verb = "change" if self.before and self.after else "add" if self.after else "drop"
        return verb, describe(self.either)


def describe(item: SchemaObject) -> str:
    """An object in words: ``column public.documents.title``."""
    kind, name = str(item["kind"]).replace("_", " "), item["name"]
    if kind in ("grant", "comment"):
        return f"{item['path'].name}:{item['line']}" if "path" in item else f"{kind} {name!r}"
    if kind in ("column", "storage", "option"):
        return f"{kind} {item['table']}.{name}"
    return f"{kind} {name} on {item['table']}" if item.get("table") else f"{kind} {name}"


def differences(
    before: Iterable[SchemaObject], after: Iterable[SchemaObject]
) -> dict[Key, Difference]:
    """What differs, by key; in the order of the history, then of the current definitions."""
    old = {history.key(o): o for o in before if _is_compared(o)}
    new = {history.key(o): o for o in after}
    found = {}
    for key in {**old, **new}:
        if not (key in old and key in new and _content(old[key]) == _content(new[key])):
            found[key] = Difference(old.get(key), new.get(key))
    return found


def undrafted(metadata: MetaData = Base.metadata) -> dict[Key, Difference]:
    """What the models and SQL files say and no revision does."""
    return differences(history.objects(), current.objects(metadata))


def _is_compared(item: SchemaObject) -> bool:
    # The models have NOT NULL where adopted tables get a check.
    return item["kind"] not in _OF_HISTORY_ALONE and "not_null" not in item


def _content(item: SchemaObject) -> Any:
    if "path" in item and "line" not in item:
        return item["path"].read_bytes()
    if "file" in item:
        return (history.folders()[item["defined_in"]] / item["file"]).read_bytes()
    return {name: value for name, value in item.items() if name not in _IGNORED}


def complete(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Keep what Alembic has found that is a change of ours, and add what it cannot see.

    Alembic compares the models with the database. What differs there although the models are as
    the history has them is drift, or the way of an adopted platform, and no revision; it is left to
    ``mivaa-schema drift``. Conditions of checks, operator classes, parameters of indexes, and all
    of the SQL files, Alembic does not look at.
    """
    metadata = context.metadata
    found = undrafted(metadata) if metadata is Base.metadata else undrafted()
    seen = [op for op in _flat(upgrade_ops.ops) if key_of(op) in found]
    missed = found.keys() - {key_of(op) for op in seen}
    upgrade_ops.ops = [*seen, *(found[key] for key in found if key in missed)]
    context.migration_context.opts["mivaa_differences"] = found
    return PriorityDispatchResult.CONTINUE


def quiet(*_: Any) -> PriorityDispatchResult:
    """An adopted platform may have types that SQLAlchemy does not know; they are not ours."""
    warnings.filterwarnings("ignore", "Did not recognize type", SAWarning)
    return PriorityDispatchResult.CONTINUE


_plugin = Plugin(NAME)
_plugin.add_autogenerate_comparator(quiet, "autogenerate", priority=DispatchPriority.FIRST)
_plugin.add_autogenerate_comparator(complete, "autogenerate", priority=DispatchPriority.LAST)


def include_name(name: str | None, kind: str, _: Any) -> bool:
    """Whether Alembic reads an object of the database: our tables, and what lies on them."""
    if kind != "table":
        return True
    names = {o["name"] for o in (*history.objects("table"), *_current_tables())}
    return f"public.{name}" in names


def include_object(item: Any, _: str | None, kind: str, is_reflected: bool, __: Any) -> bool:
    """Whether Alembic compares an object of the models: the platform's tables are not ours."""
    return not (kind == "table" and not is_reflected and item.schema == "auth")


def _current_tables() -> Iterator[Mapping[str, str]]:
    for table in current.tables(Base.metadata):
        yield {"name": current.name_of(table)}


def _flat(found: Iterable[MigrateOperation]) -> Iterator[MigrateOperation]:
    for op in found:
        if isinstance(op, ops.ModifyTableOps):
            yield from _flat(op.ops)
        else:
            yield op


def key_of(op: Any) -> Key:
    """The key of the object that one of Alembic's operations is about."""
    if isinstance(op, Difference):
        return op.key
    if isinstance(op, ops.CreateForeignKeyOp):
        table = f"{op.kw.get('source_schema') or 'public'}.{op.source_table}"
        return "foreign_key", table, str(op.constraint_name)
    table = f"{op.schema or 'public'}.{op.table_name}"
    if isinstance(op, (ops.CreateTableOp, ops.DropTableOp, ops.CreateTableCommentOp)):
        return "table", "", table
    if isinstance(op, (ops.CreateIndexOp, ops.DropIndexOp)):
        return "index", table, f"{op.schema or 'public'}.{op.index_name}"
    if isinstance(op, ops.AddColumnOp):
        return "column", table, str(op.column.name)
    if isinstance(op, (ops.DropColumnOp, ops.AlterColumnOp)):
        return "column", table, str(op.column_name)
    if isinstance(op, ops.AddConstraintOp):
        kind = "unique" if isinstance(op, ops.CreateUniqueConstraintOp) else "check"
    else:
        kind = {"foreignkey": "foreign_key"}.get(op.constraint_type, op.constraint_type)
    return kind, table, str(op.constraint_name)


rewriter = Rewriter()
"""Maps Alembic's operations to ours: each becomes the difference that it is about, once."""


@rewriter.rewrites(ops.CreateTableOp)
@rewriter.rewrites(ops.DropTableOp)
@rewriter.rewrites(ops.CreateTableCommentOp)
@rewriter.rewrites(ops.AddColumnOp)
@rewriter.rewrites(ops.DropColumnOp)
@rewriter.rewrites(ops.AlterColumnOp)
@rewriter.rewrites(ops.CreateIndexOp)
@rewriter.rewrites(ops.DropIndexOp)
@rewriter.rewrites(ops.CreateForeignKeyOp)
@rewriter.rewrites(ops.CreateUniqueConstraintOp)
@rewriter.rewrites(ops.CreateCheckConstraintOp)
@rewriter.rewrites(ops.DropConstraintOp)
def to_difference(context: Any, _: Any, op: Any) -> list[MigrateOperation]:
    """The difference behind an operation of Alembic; nothing if another has brought it already."""
    waiting = context.opts.setdefault("mivaa_waiting", dict(context.opts["mivaa_differences"]))
    found = waiting.pop(key_of(op), None)
    return [found] if found else []


@renderers.dispatch_for(Difference)
def render(_: AutogenContext, op: Difference) -> str:
    """A difference in the words of ``alembic check``; a draft says it in operations of ours."""
    return f"# {' '.join(op.to_diff_tuple())}"
