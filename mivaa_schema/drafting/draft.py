"""The text of a revision: differences, written as the operations of this project."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from textwrap import indent, wrap
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.schema import Column, DefaultClause, Table
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.types import TypeDecorator, TypeEngine

from mivaa_schema import operations
from mivaa_schema.drafting import current
from mivaa_schema.drafting.compare import Difference, describe
from mivaa_schema.drafting.errors import HeldUnderLock, LooksLikeRename, NotDrafted
from mivaa_schema.models import Base
from mivaa_schema.operations.sql import DIALECT
from mivaa_schema.operations.tables import default_of, is_free_change

if TYPE_CHECKING:
    from pathlib import Path

    from alembic.runtime.migration import MigrationContext

    from mivaa_schema.history import SchemaObject

_WIDTH = 76
"""Characters of a piece of text, which leaves room for what stands around it."""

CONSTRAINTS = ("foreign_key", "check", "unique", "exclusion")

_LYING = frozenset({"column", "storage", "index", "trigger", "policy", *CONSTRAINTS})
"""Kinds of objects whose change needs a strong lock on their table."""

_SAYS_NOTHING = dict.fromkeys(
    ("nullable", "revision", "defined_in", "accepts", "room", "primary_key")
)

_SAME_FOR_ALL = re.compile(
    r"'(?:[^']|'')*'(::[\w .\[\]()]+)?|[-+]?[\d.]+(::[\w ]+)?|true|false|null|now\(\)"
    r"|current_(timestamp|date|time|user|role)|array\[\](::[\w \[\]]+)?",
    re.IGNORECASE,
)
"""Defaults that have one value for all rows, so that adding a column rewrites nothing."""


@dataclass
class Step:
    """Expressions of the upgrade, and those of the downgrade that undo them.

    Attributes:
        up: Expressions that give an operation; one that begins with ``#`` is a comment.
        down: The same for the downgrade.
        outside: Whether those of the upgrade stand outside of a transaction.
    """

    up: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)
    outside: bool = False


class Draft:
    """The text of a revision.

    What is quick and can run again comes first: tables, columns, defaults. What needs to stand
    outside of a transaction comes next: indexes, constraints. Functions, triggers, policies,
    grants, comments, and what is dropped, come last, in the transaction that ends the revision.
    The downgrade is the mirror image.

    Args:
        revision: The number of the revision.
        found: What differs.
        context: Alembic's context, for its rendering of columns.
        allow: ``lock``: also what scans or rewrites a table while everybody waits; ``replace``:
            also a column that goes while one of its type comes.

    Raises:
        MivaaError: If something cannot be drafted; nothing has been written then.
    """

    def __init__(
        self,
        revision: str,
        found: Sequence[Difference],
        context: MigrationContext,
        allow: frozenset[str] = frozenset(),
    ) -> None:
        from mivaa_schema.drafting.files import plan_files

        self.revision = revision
        self.found = list(found)
        self.allow = allow
        self.constants: dict[str, str] = {}
        self.losses: list[str] = []
        self.copied: list[Path] = []
        self.lists: dict[str, list[str]] = {}
        """Statements of the files ``grants.sql``, ``comments.sql`` and those for the downgrade."""
        self._rendering = AutogenContext(
            context, opts={**context.opts, "render_item": render_item}, autogenerate=False
        )
        self.new = {d.table for d in found if d.kind == "table" and not d.before}
        self.gone = {d.table for d in found if d.kind == "table" and not d.after}
        self.steps = self._plan(plan_files(self))

    # What the template asks for

    @property
    def loses(self) -> str:
        """What the downgrade loses, as far as it can be told."""
        lost = ", ".join(self.losses) or "nothing"
        return "\n".join(wrap(f"The downgrade loses: {lost}.", _WIDTH))

    @property
    def upgrade(self) -> str:
        """The body of ``upgrade()``."""
        lines: list[str] = []
        for outside, steps in groupby((s for s in self.steps if s.up), key=lambda s: s.outside):
            inner = [expression for step in steps for expression in step.up]
            if outside:
                lines += _within("resumable(revision)", _calls("run", inner))
            else:
                lines += self._locked(inner)
        return indent("\n".join(lines), "    ").strip()

    @property
    def downgrade(self) -> str:
        """The body of ``downgrade()``."""
        lines = [expression for step in reversed(self.steps) for expression in step.down]
        return indent("\n".join(self._locked(lines)), "    ").strip()

    @property
    def definitions(self) -> str:
        """The constants that both halves use."""
        return "\n".join(f"{name} = {value}" for name, value in self.constants.items())

    @property
    def imports(self) -> str:
        """The imports of what is used."""
        text = f"{self.definitions}\n{self.upgrade}\n{self.downgrade}"
        used = {n for n in operations.__all__ if re.search(rf"(?<![\w.'\"]){n}\(", text)}
        lines = ["import sqlalchemy as sa"] if re.search(r"(?<![\w'\"])sa\.", text) else []
        lines += sorted(self._rendering.imports)
        ours = "".join(f"    {name},\n" for name in sorted(used, key=_as_ruff_sorts))
        if used:
            lines += ["", f"from mivaa_schema.operations import (\n{ours})"]
        return "\n".join(lines).strip()

    def _locked(self, expressions: list[str]) -> list[str]:
        """The expressions under the locks of the tables that they are about, in one message."""
        tables = {d.table for d in self.found if d.kind in _LYING} - self.new | self.gone
        if not tables:
            return _calls("run", expressions)
        order = [current.name_of(t) for t in current.tables(Base.metadata)]
        known = [name for name in order if name in tables]
        names = ", ".join(map(repr, [*known, *sorted(tables - set(known))]))
        return _within(f"locked({names}) as batch", _calls("batch.run", expressions))

    # What is planned

    def _plan(self, files: list[Step]) -> list[Step]:
        if "replace" not in self.allow:
            self._refuse_renames()
        tables = [d for d in self.found if d.kind == "table"]
        lying = [d for d in self.found if d.table not in self.gone]
        columns = [d for d in lying if d.kind == "column" and d.table not in self.new]
        indexes = [d for d in lying if d.kind == "index"]
        constraints = [d for kind in CONSTRAINTS for d in lying if d.kind == kind]
        return [
            *(self._new_table(d) for d in tables if not d.before),
            *self._new_columns([d for d in columns if not d.before]),
            *(self._changed_column(d) for d in columns if d.before and d.after),
            *(self._changed_table(d) for d in tables if d.before and d.after),
            *(self._storage(d) for d in lying if d.kind == "storage"),
            *(self._option(d) for d in lying if d.kind == "option"),
            *(self._filled(d) for d in columns if d.after),
            *(self._index(d) for d in indexes if d.after),
            *(self._constraint(d) for d in constraints if d.after),
            *files,
            *(self._constraint(d) for d in constraints if not d.after),
            *(self._index(d) for d in indexes if not d.after),
            *(self._dropped_column(d) for d in columns if not d.after),
            *(self._dropped_table(d) for d in tables if not d.after),
        ]

    def _refuse_renames(self) -> None:
        columns = [d for d in self.found if d.kind == "column" and d.table not in self.gone]
        for old in (d for d in columns if not d.after):
            for new in (d for d in columns if not d.before and d.table == old.table):
                if old.either["type"] == new.either["type"]:
                    raise LooksLikeRename(old=_shown(old), new=_shown(new))

    def _refuse_lock(self, what: str, advice: str) -> None:
        if "lock" not in self.allow:
            raise HeldUnderLock(what=what, advice=advice)

    def _new_table(self, change: Difference) -> Step:
        table, name = model_of(change.table), repr(change.table)
        columns = "".join(f"    {self._column(c)},\n" for c in table.columns)
        keys = [str(c.name) for c in table.primary_key.columns]
        given = f"    keys={keys!r},\n" if keys else ""
        self.losses.append(f"the rows of {change.table}")
        return Step(
            [
                f"adopt_table(\n    {name},\n{columns}    comment={text(table.comment)},\n{given})",
                f"close_table({name})",
            ],
            [
                f"reopen_table({name})",
                f"release_table({name}, *{self.sql()}.columns({name}))",
            ],
        )

    def _dropped_table(self, change: Difference) -> Step:
        name, before = repr(change.table), change.before or {}
        lying = [d for d in self.found if d.table == change.table]
        columns = "".join(f"    {self.older(d)},\n" for d in lying if d.kind == "column")
        comment, keys = text(before["comment"]), before.get("primary_key", [])
        again = [
            f"adopt_table(\n    {name},\n{columns}    comment={comment},\n    keys={keys!r},\n)"
        ]
        again += [f"restore_index({self.older(d)})" for d in lying if d.kind == "index"]
        again += [
            f"restore_constraint({self.older(d)})"
            for kind in ("unique", "check", "foreign_key", "exclusion")
            for d in lying
            if d.kind == kind
        ]
        return Step(["# Its rows are lost.", f"release_table({name})"], again)

    def _new_columns(self, changes: list[Difference]) -> Iterable[Step]:
        simple: dict[str, list[Difference]] = {}
        for change in changes:
            item, shown = change.either, _shown(change)
            self.losses.append(f"the values of {shown}")
            if item.get("generated"):
                self._refuse_lock(
                    f"add {shown}, whose value is generated for every row: that rewrites the table",
                    "Add a plain column instead, and fill it in batches.",
                )
                yield self._added(change.table, [change], "# Rewrites the table under a lock.")
            elif is_volatile(item):
                yield self._added_empty(change)
            elif not item["nullable"] and default_of(item) is None:
                raise NotDrafted(
                    item=describe(item),
                    reason="it is NOT NULL without a default, so rows that are there have nothing"
                    " to put in it. Give it a server_default; or let it be nullable, fill it, and"
                    " make it NOT NULL in a later revision",
                )
            else:
                simple.setdefault(change.table, []).append(change)
        for table, those in simple.items():
            yield self._added(table, those)

    def _added(self, table: str, changes: list[Difference], *comments: str) -> Step:
        rendered = "".join(f"    {self._column(column_of(d))},\n" for d in changes)
        names = [d.either["name"] for d in changes]
        return Step(
            [*comments, f"adopt_columns(\n    {table!r},\n{rendered})"],
            [f"release_columns({', '.join(map(repr, [table, *names]))})"],
        )

    def _added_empty(self, change: Difference) -> Step:
        """A column whose default differs from row to row: it is added without it, then filled."""
        column = column_of(change)
        bare = column._copy()
        bare.server_default, bare.nullable = None, True
        new = self._constant(change, f"column({change.table!r}, {self._column(column)})")
        empty = f"{new}_EMPTY"
        self.constants[empty] = f"column({change.table!r}, {self._column(bare)})"
        return Step(
            [
                "# The default differs from row to row; rows that are there are filled in batches.",
                f"adopt_columns({change.table!r}, {empty})",
                f"change_column({empty}, {new})",
            ],
            [f"release_columns({change.table!r}, {change.either['name']!r})"],
        )

    def _filled(self, change: Difference) -> Step:
        """What of a column has to look at rows: outside of the transaction."""
        before, after = change.before, change.either
        if before is None and is_volatile(after) and not after.get("generated"):
            name = constant_name(change)
            not_null = [] if after["nullable"] else [f"set_not_null({name})"]
            return Step([f"fill_column({name})", *not_null], outside=True)
        if before is not None and before["nullable"] and not after["nullable"]:
            return Step([f"set_not_null({self._constant_column(change)})"], outside=True)
        return Step()

    def _changed_column(self, change: Difference) -> Step:
        before, after = change.before or {}, change.after or {}
        ways = [(side.get("generated"), side["definition"]) for side in (before, after)]
        if ways[0] != ways[1] and (ways[0][0] or ways[1][0]):
            raise NotDrafted(
                item=describe(after),
                reason="whether and how a value is generated cannot be changed in place; add"
                " another column",
            )
        old, new = self.older(change), self._constant_column(change)
        if before["nullable"] and {**before, **_SAYS_NOTHING} == {**after, **_SAYS_NOTHING}:
            # It only no longer takes nulls: see _filled.
            return Step(down=[f"change_column({new}, {old})"])
        rewrite = before["type"] != after["type"] and self._rewrites(change)
        told = ", rewrite=True" if rewrite else ""
        step = Step([f"change_column({old}, {new}{told})"])
        if rewrite:
            step.up.insert(0, "# Rewrites the table under a lock.")
        told = ", rewrite=True" if before["type"] != after["type"] else ""
        step.down.append(f"change_column({new}, {old}{told})")
        if after["nullable"] and not before["nullable"]:
            step.down.append(f"set_not_null({old})")
        return step

    def _rewrites(self, change: Difference) -> bool:
        """Whether a change of type rewrites the table; refused unless that is allowed."""
        before, after = (str(side["type"]) for side in (change.before or {}, change.after or {}))
        if is_free_change(before, after):
            return False
        vectors = ("vector", "halfvec", "sparsevec")
        if before.startswith(vectors) and after.startswith(vectors):
            raise NotDrafted(
                item=describe(change.either),
                reason=f"a {before} cannot be turned into a {after}. Add a column beside it and"
                " embed again: docs/changing-dimensions.md",
            )
        self._refuse_lock(
            f"change the type of {_shown(change)} from {before} to {after}: that rewrites the"
            " table",
            "Add a column of the new type beside it, fill it in batches, and drop the old one in a"
            " later revision.",
        )
        return True

    def _dropped_column(self, change: Difference) -> Step:
        table, name = repr(change.table), repr(change.either["name"])
        return Step(
            ["# Its values are lost.", f"drop_columns({table}, {name})"],
            [f"adopt_columns({table}, {self.older(change)})"],
        )

    def _changed_table(self, change: Difference) -> Step:
        before, after = change.before or {}, change.after or {}
        if before.get("primary_key") != after.get("primary_key"):
            raise NotDrafted(item=describe(after), reason="its primary key would be another")
        up, down = (
            f"comment_on_table({change.table!r}, {text(side['comment'])})"
            for side in (after, before)
        )
        return Step([up], [down])

    def _storage(self, change: Difference) -> Step:
        where = f"{change.table!r}, {change.either['name']!r}"
        up, down = (
            f"set_column_storage({where}, {side['storage']!r})"
            if side
            else f"restore_column_storage({where})"
            for side in (change.after, change.before)
        )
        return Step([up], [down])

    def _option(self, change: Difference) -> Step:
        table, name = change.table, change.either["name"]
        reset = f"reset_table_options({table!r}, [{name!r}])"
        up, down = (
            [f"set_table_options({table!r}, {{{name!r}: {side['value']!r}}})"] if side else []
            for side in (change.after, change.before)
        )
        return Step(
            [*([reset] if change.before else []), *up], [*([reset] if change.after else []), *down]
        )

    def _index(self, change: Difference) -> Step:
        step = Step(outside=bool(change.after))
        if change.before:
            step.up.append(f"release_index({self.older(change)})")
            step.down.append(f"restore_index({self.older(change)})")
        if change.after:
            name = self._constant(change, index_text(change.after))
            step.up.append(f"adopt_index({name})")
            step.down.insert(0, f"release_index({name})")
        return step

    def _constraint(self, change: Difference) -> Step:
        step = Step(outside=bool(change.after))
        if change.before:
            step.up.append(f"release_constraint({self.older(change)})")
            step.down.append(f"restore_constraint({self.older(change)})")
        if change.after:
            if change.kind == "exclusion" and change.table not in self.new:
                self._refuse_lock(
                    f"add {describe(change.after)}: that scans the table",
                    "An exclusion constraint cannot be validated later.",
                )
            name = self._constant(change, constraint_text(change.after))
            step.up.append(f"adopt_constraint({name})")
            if change.kind in ("foreign_key", "check"):
                step.up.append(f"validate({name})")
            step.down.insert(0, f"release_constraint({name})")
        return step

    # Names and texts

    def sql(self, revision: str | None = None) -> str:
        """The constant that holds the files of this revision, or of an older one."""
        name = "SQL" if revision is None else f"SQL_{revision}"
        older = "" if revision is None else f", revision={revision!r}"
        self.constants.setdefault(name, f"FrozenSQL(__file__{older})")
        return name

    def older(self, change: Difference) -> str:
        """The object of an older manifest, as an expression."""
        item = change.before or {}
        place = f", {item['table']!r}" if item.get("table") else ""
        sql = self.sql(item["defined_in"])
        return f"{sql}.object({item['kind']!r}, {item['name']!r}{place})"

    def _constant(self, change: Difference, value: str) -> str:
        name = constant_name(change)
        self.constants[name] = value
        return name

    def _constant_column(self, change: Difference) -> str:
        value = f"column({change.table!r}, {self._column(column_of(change))})"
        return self._constant(change, value)

    def _column(self, column: Column[Any]) -> str:
        rendered = render._render_column(column, self._rendering)
        return str(rendered)


def render_item(kind: str, item: Any, context: AutogenContext) -> str | bool:
    """How types and defaults stand in a revision where Alembic would write something else.

    Alembic strips quotes at the ends of a default, and writes types of others by their module.
    """
    if kind == "server_default" and isinstance(item, DefaultClause):
        if isinstance(item.arg, str):
            return repr(item.arg)
        if isinstance(item.arg, TextClause):
            return f"sa.text({item.arg.text!r})"
        return f"sa.text({_escaped(item.arg)!r})"
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


def _escaped(expression: Any) -> str:
    text = expression.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})
    return str(text).replace(":", r"\:")


def is_volatile(item: SchemaObject) -> bool:
    """Whether a default may have another value for every row."""
    default = default_of(item)
    return default is not None and not _SAME_FOR_ALL.fullmatch(default.removeprefix("default "))


def model_of(table: str) -> Table:
    """The table of a qualified name, as the models have it."""
    return next(t for t in current.tables(Base.metadata) if current.name_of(t) == table)


def column_of(change: Difference) -> Column[Any]:
    """The column of a difference, as the models have it."""
    wanted = change.either["name"]
    return next(c for c in model_of(change.table).columns if str(c.name) == wanted)


def index_text(item: SchemaObject) -> str:
    """An index as a revision writes it."""
    unique = ", unique=True" if item["unique"] else ""
    name = item["name"].partition(".")[2]
    return f"index({name!r}, {item['table']!r}, {text(item['definition'])}{unique})"


def constraint_text(item: SchemaObject) -> str:
    """A constraint as a revision writes it."""
    place = f"{item['name']!r}, {item['table']!r}"
    options = "".join(
        f", {name}={item[name]!r}"
        for name in ("match", "on_delete", "on_update", "deferrable", "initially")
        if item.get(name) is not None
    )
    if item["kind"] == "foreign_key":
        there = f"{item['references']!r}, {item['referenced_columns']!r}"
        return f"foreign_key({place}, {item['columns']!r}, {there}{options})"
    if item["kind"] == "unique":
        keys = f", keys={item['columns']!r}"
        return f"unique({place}, {text(item['index']['definition'])}{keys}{options})"
    if item["kind"] == "check":
        return f"check({place}, {text(item['condition'])})"
    return f"exclusion({place}, {text(item['definition'])})"


def constant_name(change: Difference) -> str:
    """The name of the constant that holds an object."""
    name = change.either["name"]
    if change.kind == "column":
        name = f"{change.table.partition('.')[2]}_{name}"
    return re.sub(r"\W+", "_", name.removeprefix("public.")).upper().strip("_") or "OBJECT"


def text(value: str | None) -> str:
    """A Python string; a long one in several pieces, none wider than a line."""
    value = value or ""
    if len(value) <= _WIDTH and "\n" not in value:
        return repr(value)
    lines = value.splitlines(keepends=True)
    pieces = [line[n : n + _WIDTH] for line in lines for n in range(0, len(line), _WIDTH)]
    return "(\n" + "".join(f"    {piece!r}\n" for piece in pieces) + ")"


def _shown(change: Difference) -> str:
    return f"{change.table}.{change.either['name']}"


def _calls(function: str, expressions: Iterable[str]) -> list[str]:
    lines = []
    for expression in expressions:
        lines.append(expression if expression.startswith("#") else f"{function}({expression})")
    return lines or ["pass"]


def _within(context: str, lines: Iterable[str]) -> list[str]:
    return [f"with {context}:", *(indent(line, "    ") for line in lines)]


def _as_ruff_sorts(name: str) -> tuple[int, str]:
    """Classes first, then functions."""
    return (0 if name[0].isupper() else 1, name)
