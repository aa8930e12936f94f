"""What differs between the current definitions and the history, as a plugin of Alembic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation
from alembic.runtime.plugins import Plugin
from alembic.util import PriorityDispatchResult

from mivaa_schema import history
from mivaa_schema.drafting import current
from mivaa_schema.drafting.errors import NotDrafted
from mivaa_schema.history import Key, SchemaObject

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import UpgradeOps

NAME = "mivaa_schema"

# What says nothing about how an object is: where it was read, and what adoption makes of it.
_IGNORED = frozenset(
    {"revision", "defined_in", "path", "line", "file", "accepts", "min_length", "allowed", "column"}
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

    @property
    def action(self) -> str:
        """``add``, ``drop`` or ``change``."""
        return "change" if self.before and self.after else "add" if self.after else "drop"

    def reverse(self) -> Difference:
        """What a downgrade does."""
        return Difference(self.after, self.before)

    def to_diff_tuple(self) -> tuple[str, str]:
        """What ``alembic check`` prints."""
        return self.action, describe(self.either)


def describe(item: SchemaObject) -> str:
    """An object in words: ``column public.documents.title``."""
    kind, name = str(item["kind"]).replace("_", " "), item["name"]
    if kind in ("grant", "comment"):
        return f"{item['path']}:{item['line']}" if "line" in item else f"{kind} {name!r}"
    if kind in ("column", "storage", "option"):
        return f"{kind} {item['table']}.{name}"
    return f"{kind} {name} on {item['table']}" if item.get("table") else f"{kind} {name}"


def differences(
    before: Iterable[SchemaObject], after: Iterable[SchemaObject]
) -> dict[Key, Difference]:
    """What differs, by key; in the order of the history, then of the current definitions."""
    old = {history.key(o): o for o in before if _is_compared(o)}
    new: dict[Key, SchemaObject] = {}
    for item in after:
        if (other := new.setdefault(history.key(item), item)) is not item:
            raise NotDrafted(
                item=describe(item),
                reason=f"there are two of it: {place(other)} and {place(item)}",
            )
    found = {}
    for key in {**old, **new}:
        if not (key in old and key in new and content(old[key]) == content(new[key])):
            found[key] = Difference(old.get(key), new.get(key))
    return found


def place(item: SchemaObject) -> str:
    """Where a definition stands: its file, else the object in words."""
    return str(item["path"]) if "path" in item and "line" not in item else describe(item)


def undrafted() -> dict[Key, Difference]:
    """What the models and SQL files say and no revision does."""
    return differences(history.objects(), current.objects())


def _is_compared(item: SchemaObject) -> bool:
    # The models have NOT NULL where adopted tables get a check.
    return item["kind"] not in _OF_HISTORY_ALONE and "not_null" not in item


def content(item: SchemaObject) -> Any:
    """What of an object has to be the same: the text of a file, or its properties."""
    if "path" in item and "line" not in item:
        return item["path"].read_bytes()
    if "file" in item:
        return (history.folders()[item["defined_in"]] / item["file"]).read_bytes()
    return {name: value for name, value in item.items() if name not in _IGNORED}


def compare(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """What Alembic calls for ``check`` and ``revision --autogenerate``.

    The models and SQL files are compared with the manifests of the revisions, and not with the
    database: what differs there is drift, or the way of an adopted platform, and no revision. So
    nothing of the database is looked at or waited for, everything that a definition holds is seen,
    and a database with foreign objects changes no draft.
    """
    upgrade_ops.ops.extend(undrafted().values())
    return PriorityDispatchResult.CONTINUE


Plugin(NAME).add_autogenerate_comparator(compare, "autogenerate")


@renderers.dispatch_for(Difference)
def render(_: AutogenContext, op: Difference) -> str:
    """A difference in the words of ``alembic check``; a draft says it in operations of ours."""
    return f"# {' '.join(op.to_diff_tuple())}"
