"""The text of a revision: differences, written as the operations of this project."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from itertools import groupby
from textwrap import indent, wrap
from typing import TYPE_CHECKING

from mivaa_schema import history, operations
from mivaa_schema.drafting import compare, current
from mivaa_schema.drafting.compare import Difference, describe, place
from mivaa_schema.drafting.errors import HeldUnderLock, LooksLikeRename, NotDrafted
from mivaa_schema.drafting.render import Renderer, constant_name, literal
from mivaa_schema.drafting.sql_files import file_of, in_order, must_be_recreated, subject, users_of
from mivaa_schema.drafting.steps import ON_TABLES, ORDER, OUTSIDE, VALIDATED, Step
from mivaa_schema.operations.columns import default_of, is_free_change, is_volatile, printed_type
from mivaa_schema.operations.entities import LISTS

if TYPE_CHECKING:
    from pathlib import Path

    from alembic.runtime.migration import MigrationContext

    from mivaa_schema.history import SchemaObject

_WIDTH = 76


class Draft:
    """The text of a revision.

    Args:
        revision: The number of the revision.
        found: What differs.
        context: Alembic's context, for its rendering of columns.
        allow: ``lock``: also what scans or rewrites a table while everybody waits; ``replace``:
            also a column dropped while one of its type is added.

    Raises:
        MivaaError: If something cannot be drafted; nothing has been written then.
    """

    def __init__(
        self,
        revision: str,
        found: Iterable[Difference],
        context: MigrationContext,
        allow: frozenset[str] = frozenset(),
    ) -> None:
        self.revision = revision
        self.found = list(found)
        self.allow = allow
        self.constants: dict[str, str] = {}
        self.losses: list[str] = []
        self.copied: list[Path] = []
        self.lists: dict[str, list[str]] = {}
        """Statements of the files ``grants.sql``, ``comments.sql`` and those for the downgrade."""
        self.renderer = Renderer(context)
        self.new = {d.table for d in self.found if d.kind == "table" and not d.before}
        self.dropped = {d.table for d in self.found if d.kind == "table" and not d.after}
        self.steps: list[Step] = []
        self._refuse_unknown_tables()
        if "replace" not in allow:
            self._refuse_renames()
        users = users_of(self.found)
        known = {d.key for d in self.found}
        self.found = in_order([*self.found, *(d for d in users if d.key not in known)])
        changed = [d for d in self.found if d.before and d.after]
        self.recreated = {d.key for d in (*users, *(d for d in changed if must_be_recreated(d)))}
        for change in self.found:
            self._plan(change)
        self._plan_lists()
        self.steps.sort(key=lambda step: step.place)

    # What the template asks for

    @property
    def loses(self) -> str:
        """What the downgrade loses, as far as it can be told."""
        lost = ", ".join(self.losses) or ("nothing" if self.found else "..")
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
        bodies = "".join(f"\n    {body or 'pass'}" for body in (self.upgrade, self.downgrade))
        tree = ast.parse(f"{self.definitions}\nif True:{bodies}")
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        used = [name for name in operations.__all__ if name in names]
        lines = ["import sqlalchemy as sa"] if "sa" in names else []
        lines += sorted(self.renderer.imports)
        if used:
            ours = "".join(f"    {name},\n" for name in used)
            lines += ["", f"from mivaa_schema.operations import (\n{ours})"]
        return "\n".join(lines).strip()

    def _locked(self, expressions: list[str]) -> list[str]:
        """The expressions under the locks of the tables that they are about, in one message."""
        tables = {d.table for d in self.found if d.kind in ON_TABLES} - self.new | self.dropped
        if not tables:
            return _calls("run", expressions)
        order = [current.name_of(t) for t in current.tables()]
        known = [name for name in order if name in tables]
        names = ", ".join(map(repr, [*known, *sorted(tables - set(known))]))
        return _within(f"locked({names}) as batch", _calls("batch.run", expressions))

    # What is planned

    def _refuse_unknown_tables(self) -> None:
        """Refuse what lies on a table of others: it is not ours to lock or change."""
        known = {current.name_of(table) for table in current.tables()}
        for change in self.found:
            if change.after and change.table and change.table not in known:
                reason = f"no model has the table {change.table}"
                raise NotDrafted(item=place(change.after), reason=reason)

    def _refuse_renames(self) -> None:
        columns = [d for d in self.found if d.kind == "column" and d.table not in self.dropped]
        for old in (d for d in columns if not d.after):
            for new in (d for d in columns if not d.before and d.table == old.table):
                if old.either["type"] == new.either["type"]:
                    raise LooksLikeRename(old=_shown(old), new=_shown(new))

    def _refuse_lock(self, what: str, advice: str) -> None:
        if "lock" not in self.allow:
            raise HeldUnderLock(what=what, advice=advice)

    def _plan(self, change: Difference) -> None:
        """Add the steps of a difference."""
        kind = change.kind
        if kind in LISTS.values() or (kind == "column" and change.table in self.new | self.dropped):
            return  # Grants and comments are planned together, columns with their table.
        if kind in ("table", "column"):
            plan = getattr(self, f"_{change.action}_{kind}")
            plan(change)
        elif "file" in change.either:
            self._plan_file(change)
        else:
            if kind == "exclusion" and change.after and change.table not in self.new:
                self._refuse_lock(
                    f"add {describe(change.after)}: that scans the table",
                    "An exclusion constraint cannot be validated later.",
                )
            before, after = change.before, change.after
            if before:
                self._refuse_needed(before)
            if before and after and kind in OUTSIDE:
                # Under a lock of its table, which what stands outside of a transaction lacks.
                self._step("replace", kind, [self.drop(before)], [self.again(before)])
                before = None
            up = [self.drop(before)] if before else []
            down = [self.again(before)] if before else []
            if after:
                up.append(self.create(after))
                down.insert(0, self.drop(after))
            self._step(change.action, kind, up, down)

    def _refuse_needed(self, item: SchemaObject) -> None:
        """Refuse to drop a unique index that a foreign key stands on: PostgreSQL does."""
        if item["kind"] == "index" and item["unique"]:
            columns = item["definition"].strip("()").split(", ")
        else:
            columns = item["columns"] if item["kind"] == "unique" else []
        going = {d.key for d in self.found if d.kind == "foreign_key"}
        for key in history.objects("foreign_key") if columns else []:
            stays = history.key(key) not in going and key["references"] == item["table"]
            if stays and sorted(key["referenced_columns"]) == sorted(columns):
                raise NotDrafted(
                    item=describe(item), reason=f"{describe(key)} stands on it; keep it"
                )

    def _step(self, action: str, kind: str, up: list[str], down: list[str]) -> None:
        outside = action == "fill" or (action in ("add", "change") and kind in OUTSIDE)
        step = Step(ORDER[action, kind], up, down, outside)
        # Objects are dropped in the reverse order, so that a downgrade finds what it needs.
        self.steps.insert(0 if action in ("drop", "drop_early") else len(self.steps), step)

    def _plan_file(self, change: Difference) -> None:
        """A function, trigger or policy: created, dropped, replaced, or dropped and created."""
        kind, before, after = change.kind, change.before, change.after
        if before and after and change.key not in self.recreated:
            new, old = (f"replace({self.expression(o)})" for o in (after, before))
            self._step("change", kind, [new], [old])
            return
        if before:
            action = "drop_early" if after and kind == "function" else "drop"
            self._step(action, kind, [self.drop(before)], [self.again(before)])
        if after:
            action, up = "add", self.create(after)
            if kind == "function" and not before and self._is_used_early(after):
                # The transaction that creates it may be run again.
                action, up = "add_early", f"create({self.expression(after)}, again=True)"
            self._step(action, kind, [up], [self.drop(after)])

    def _is_used_early(self, item: SchemaObject) -> bool:
        """Whether a new index or constraint calls a new function."""
        called = f"{item['name']}("
        return any(called in str(d.after) for d in self.found if d.after and d.kind in OUTSIDE)

    def _plan_lists(self) -> None:
        """What grants and comments say about everything of which something is said otherwise.

        All of it is revoked and granted anew, so that access control lists keep their order. What
        is created again has lost its grants and comments.
        """
        changed = {subject(d.either) for d in self.found if d.kind in LISTS.values()}
        sides = []
        for suffix, said in (("_before", history.objects), ("", current.listed)):
            items = said(*LISTS.values())
            touched = [o for o in items if subject(o) in changed]
            sides.append(
                (
                    self._undone(touched),
                    self._said(
                        suffix, [o for o in items if subject(o) in changed | self.recreated]
                    ),
                )
            )
        (undo_old, say_old), (undo_new, say_new) = sides
        self._step("revoke", "list", undo_old, say_old)
        self._step("grant", "list", say_new, undo_new)

    def _undone(self, items: list[SchemaObject]) -> list[str]:
        kept = {d.key for d in self.found}
        for item in items:
            if history.key(item) in kept and not item["name"].startswith(("grant ", "comment ")):
                shown = f"{item['name'][:50]!r}"
                raise NotDrafted(item=describe(item), reason=f"what {shown} does has no reverse")
        return [
            f"unlisted({name!r}, {literal(item['name'])})"
            for name, kind in LISTS.items()
            for item in reversed(items)
            if item["kind"] == kind and item["name"].startswith(("grant ", "comment "))
        ]

    def _said(self, suffix: str, items: list[SchemaObject]) -> list[str]:
        found = []
        for name, kind in LISTS.items():
            if statements := [item["name"] for item in items if item["kind"] == kind]:
                file = name.replace(".sql", f"{suffix}.sql")
                self.lists[file] = statements
                found.append(f"listed({name!r}, *{self.sql()}.statements({file!r}))")
        return found

    # Tables and columns

    def _add_table(self, change: Difference) -> None:
        table, name = current.table_of(change.table), repr(change.table)
        columns = "".join(f"    {self.renderer.column(c)},\n" for c in table.columns)
        keys = (change.after or {}).get("primary_key", [])
        given = f"    keys={keys!r},\n" if keys else ""
        self.losses.append(f"the rows of {change.table}")
        comment = literal(table.comment)
        up = [
            f"adopt_table(\n    {name},\n{columns}    comment={comment},\n{given})",
            f"close_table({name})",
        ]
        down = [f"reopen_table({name})", f"release_table({name}, *{self.sql()}.columns({name}))"]
        self._step("add", "table", up, down)

    def _drop_table(self, change: Difference) -> None:
        name, before = repr(change.table), change.before or {}
        lying = [d for d in self.found if d.table == change.table and d.kind == "column"]
        columns = "".join(f"    {self.expression(d.before or {})},\n" for d in lying)
        comment, keys = literal(before["comment"]), before.get("primary_key", [])
        again = f"adopt_table(\n    {name},\n{columns}    comment={comment},\n    keys={keys!r},\n)"
        self._step("drop", "table", ["# Its rows are lost.", f"release_table({name})"], [again])

    def _change_table(self, change: Difference) -> None:
        before, after = change.before or {}, change.after or {}
        if before.get("primary_key") != after.get("primary_key"):
            raise NotDrafted(item=describe(after), reason="its primary key would be another")
        up, down = (
            f"comment_on_table({change.table!r}, {literal(o['comment'])}, keys={keys!r})"
            for o, keys in ((o, o.get("primary_key", [])) for o in (after, before))
        )
        self._step("change", "table", [up], [down])

    def _add_column(self, change: Difference) -> None:
        item, shown = change.after or {}, _shown(change)
        self.losses.append(f"the values of {shown}")
        kind, comments = "column", []
        if item.get("generated"):
            kind, comments = "generated", ["# Rewrites the table under a lock."]
            self._refuse_lock(
                f"add {shown}, whose value is generated for every row: that rewrites the table",
                "Add a plain column instead, and fill it in batches.",
            )
        elif is_volatile(item):
            self._add_volatile_column(change)
            return
        elif not item["nullable"] and default_of(item) is None:
            raise NotDrafted(
                item=describe(item),
                reason="it is NOT NULL without a default, so rows that are there have nothing"
                " to put in it. Give it a server_default; or let it be nullable, fill it, and"
                " make it NOT NULL in a later revision",
            )
        self._step("add", kind, [*comments, self.create(item)], [self.drop(item)])

    def _add_volatile_column(self, change: Difference) -> None:
        """A column whose default differs from row to row: it is added without it, then filled."""
        item, new = change.after or {}, self.expression(change.either)
        source = current.column_of(change.either)
        keys = [(str(c.name), printed_type(c.type)) for c in source.table.primary_key.columns]
        if keys != [("id", "uuid")]:
            raise NotDrafted(
                item=describe(item),
                reason="its default differs from row to row, and rows are filled in batches along"
                " a primary key `id uuid`, which the table lacks; add it without a default",
            )
        bare = source._copy()
        bare.server_default, bare.nullable = None, True
        empty = self._constant(
            f"{new}_EMPTY", f"column({change.table!r}, {self.renderer.column(bare)})"
        )
        up = [
            "# The default differs from row to row; rows that are there are filled in batches.",
            f"adopt({empty})",
            f"change_column({empty}, {new})",
        ]
        self._step("add", "column", up, [self.drop(item)])
        not_null = [] if item["nullable"] else [f"set_not_null({new})"]
        self._step("fill", "column", [f"fill_column({new})", *not_null], [])

    def _change_column(self, change: Difference) -> None:
        before, after = change.before or {}, change.after or {}
        ways = [(side.get("generated"), side["definition"]) for side in (before, after)]
        if ways[0] != ways[1] and (ways[0][0] or ways[1][0]):
            raise NotDrafted(
                item=describe(after),
                reason="whether and how a value is generated cannot be changed in place; add"
                " another column",
            )
        old, new = self.expression(before), self.expression(after)
        comments, told, told_back = [], "", ""
        if before["type"] != after["type"]:
            told_back = ", rewrite=True"
            if self._rewrites(change):
                comments, told = ["# Rewrites the table under a lock."], ", rewrite=True"
        up = [*comments, f"change_column({old}, {new}{told})"]
        down = [f"change_column({new}, {old}{told_back})"]
        if after["nullable"] and not before["nullable"]:
            down.append(f"set_not_null({old})")
        if before["nullable"] and not after["nullable"]:
            self._step("fill", "column", [f"set_not_null({new})"], [])
            if compare.content({**before, "nullable": False}) == compare.content(after):
                up = []
        self._step("change", "column", up, down)

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

    def _drop_column(self, change: Difference) -> None:
        item = change.before or {}
        kind = "generated" if item.get("generated") else "column"
        # PostgreSQL does not know what the text of a function uses.
        words = [re.compile(rf"\b{re.escape(word)}\b")
                 for word in (item["name"], item["table"].partition(".")[2])]  # fmt: skip
        users = [o["name"] for o in current.objects() if o["kind"] == "function"
                 and all(word.search(file_of(o).text) for word in words)]  # fmt: skip
        up = ["# Its values are lost.", *(f"# {name}() mentions that name." for name in users)]
        up.append(f"drop({self.expression(item)})")
        self._step("drop", kind, up, [self.again(item)])

    # Names

    def sql(self, revision: str | None = None) -> str:
        """The constant that holds the files of this revision, or of an older one."""
        name = "SQL" if revision is None else f"SQL_{revision}"
        older = "" if revision is None else f", revision={revision!r}"
        self.constants.setdefault(name, f"FrozenSQL(__file__{older})")
        return name

    def create(self, item: SchemaObject) -> str:
        """The expression that creates an object in an upgrade."""
        it = self.expression(item)
        if item["kind"] in VALIDATED:
            return f"adopt({it}, must_hold=True), validate({it}, must_hold=True)"
        return f"create({it})" if "file" in item else f"adopt({it})"

    def drop(self, item: SchemaObject) -> str:
        """The expression that drops an object."""
        return f"{'drop' if 'file' in item else 'release'}({self.expression(item)})"

    def again(self, item: SchemaObject) -> str:
        """The expression that creates an object again in a downgrade."""
        return f"restore({self.expression(item)})"

    def expression(self, item: SchemaObject) -> str:
        """An object: a file, the constant of a new object, or the object of an older manifest."""
        older = item.get("defined_in")
        kind, name = item["kind"], item["name"]
        if "file" in item:
            if older is None:
                self.copied.append(item["path"])
            stem = item["file"].rpartition("/")[2].removesuffix(".sql")
            return f"{self.sql(older)}.{kind}({stem!r})"
        if older is None:
            return self._constant(constant_name(item), self._described(item))
        place = f", {item['table']!r}" if item.get("table") else ""
        return f"{self.sql(older)}.object({kind!r}, {name!r}{place})"

    def _constant(self, name: str, value: str) -> str:
        while self.constants.setdefault(name, value) != value:
            name += "_"
        return name

    def _described(self, item: SchemaObject) -> str:
        if item["kind"] != "column":
            return self.renderer.item(item)
        return f"column({item['table']!r}, {self.renderer.column(current.column_of(item))})"


def _shown(change: Difference) -> str:
    return f"{change.table}.{change.either['name']}"


def _calls(function: str, expressions: Iterable[str]) -> list[str]:
    lines = [e if e.startswith("#") else f"{function}({e})" for e in expressions]
    return lines or ["pass"]


def _within(context: str, lines: Iterable[str]) -> list[str]:
    return [f"with {context}:", *(indent(line, "    ") for line in lines)]
