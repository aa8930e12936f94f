"""The draft of a revision: changes of the schema, written as operations of the house."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from textwrap import indent, wrap

from alembic.operations import MigrateOperation
from sqlalchemy import CheckConstraint, Column, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import DefaultClause
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.types import TypeEngine

from mivaa_schema import entities, operations
from mivaa_schema.catalog import CatalogObject, Properties
from mivaa_schema.errors import NotDescribed, NotDrafted
from mivaa_schema.freeze import Copy
from mivaa_schema.models import Base
from mivaa_schema.operations import about
from mivaa_schema.operations.sql import API_ROLES, DIALECT, literal

FOLDERS = {"function": "functions", "trigger": "triggers", "policy": "policies"}

_TYPES = {
    "bigint": "sa.BigInteger()",
    "boolean": "sa.Boolean()",
    "bytea": "sa.LargeBinary()",
    "date": "sa.Date()",
    "double precision": "sa.Double()",
    "integer": "sa.Integer()",
    "interval": "sa.Interval()",
    "jsonb": "JSONB()",
    "numeric": "sa.Numeric()",
    "real": "sa.REAL()",
    "smallint": "sa.SmallInteger()",
    "text": "sa.Text()",
    "timestamp with time zone": "sa.DateTime(timezone=True)",
    "tsvector": "TSVECTOR()",
    "uuid": "sa.Uuid()",
}

_UNFILLED = """\
# Nullable for now: {}. Rows that are there have nothing to put in;
# fill them, then set not null in a revision of its own."""

_LOCKING = frozenset({"table", "column", "constraint", "index", "trigger", "policy"})
"""Kinds of objects whose change needs a strong lock on their table."""

_WIDTH = 76
"""Characters of a piece of text, which leaves room for what stands around it."""


@dataclass
class Change(MigrateOperation):
    """One object that the present has otherwise than the database.

    Attributes:
        item: The object.
        live: What it is in the database; empty where it is not there.
        wanted: What it is in the present; empty where it is not there.
        facts: Names of the facts that differ, where it is in both.
        file: The present SQL file of a function, trigger or policy.
        former: Its newest frozen copy, which holds what is in the database.
        recreate: Whether it has to be dropped and created again.
    """

    item: CatalogObject
    live: Properties
    wanted: Properties
    facts: frozenset[str] = frozenset()
    file: Path | None = None
    former: Copy | None = None
    recreate: bool = False

    @property
    def drops(self) -> bool:
        """Whether something that is there is dropped."""
        return bool(self.live) and (not self.wanted or self.recreate)

    @property
    def creates(self) -> bool:
        """Whether something new is created."""
        return bool(self.wanted) and (not self.live or self.recreate)

    @property
    def stays(self) -> bool:
        """Whether it is there before and after, and is changed in its place."""
        return bool(self.live and self.wanted) and not self.recreate

    def reverse(self) -> Change:
        """The way back, as Alembic asks for it; a draft writes both halves itself."""
        return Change(self.item, self.wanted, self.live, self.facts)

    def to_diff_tuple(self) -> tuple[str, ...]:
        """What ``alembic check`` prints."""
        verb = "change" if self.live and self.wanted else "drop" if self.live else "add"
        return (verb, str(self.item), *sorted(self.facts))


@dataclass
class Step:
    """A few lines of the upgrade, and those of the downgrade that undo them."""

    up: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)
    outside: bool = False
    """Whether the lines of the upgrade stand outside of a transaction."""


class Draft:
    """The text of a revision and the files beside it.

    What can run again after it was cut off comes first: tables, columns, constraints that are not
    yet validated. What needs to stand outside of a transaction comes next. Functions, triggers,
    policies and privileges change last, all of them in the transaction that records the revision.
    The downgrade is the mirror image.

    Args:
        revision: The number of the revision.
        message: What it does, as the developer has said it.
        changes: What differs.
    """

    def __init__(self, revision: str, message: str, changes: Sequence[Change]) -> None:
        self.revision = revision
        self.title = message[:1].upper() + message[1:].rstrip(".")
        self.phase = "_".join(re.findall(r"\w+", message.lower()))[:60]
        self._changes = list(changes)
        self._constants: dict[str, str] = {"PHASE": repr(self.phase)}
        self._losses: list[str] = []
        self._new = {c.item.name for c in changes if c.item.kind == "table" and c.creates}
        self._gone = {c.item.name for c in changes if c.item.kind == "table" and c.drops}
        self._copied = [c for c in changes if c.file and (c.creates or "definition" in c.facts)]
        self._steps = self._plan()

    # What the template asks for

    @property
    def losses(self) -> str:
        """What the downgrade loses, as far as the catalogs tell."""
        lost = ", ".join(self._losses) or "nothing"
        return "\n".join(wrap(f"The downgrade loses: {lost}.", _WIDTH))

    @cached_property
    def upgrade(self) -> str:
        """The body of ``upgrade()``."""
        lines = ["begin_phase(PHASE)"]
        for outside, steps in groupby((s for s in self._steps if s.up), key=lambda s: s.outside):
            inner = [line for step in steps for line in step.up]
            lines += _within("resumable(revision)", inner) if outside else self._locked(inner)
        lines.append(f"complete_phase(PHASE, rollback_of(__file__, {self.revision!r}))")
        return indent("\n".join(lines), "    ").strip()

    @cached_property
    def downgrade(self) -> str:
        """The body of ``downgrade()``."""
        lines = [line for step in reversed(self._steps) for line in step.down]
        lines.append("roll_back_phase(PHASE)")
        return indent("\n".join(self._locked(lines)), "    ").strip()

    def _locked(self, lines: list[str]) -> list[str]:
        """The lines under the locks of the tables that they are about, in one message."""
        tables = sorted(
            {c.item.table or c.item.name for c in self._changes if c.item.kind in _LOCKING}
            - self._new
        )
        if not tables:
            return lines
        return _within(f"locked({', '.join(map(repr, tables))})", lines)

    @property
    def constants(self) -> str:
        """The definitions that both halves use."""
        return "\n".join(f"{name} = {value}" for name, value in self._constants.items())

    @property
    def imports(self) -> str:
        """The imports of everything that is used, and of nothing else."""
        text = f"{self.constants}\n{self.upgrade}\n{self.downgrade}"
        used = set(re.findall(r"(?<![\w.\"'])[A-Za-z_]\w*(?=[.(])", text))
        dialect = sorted(used & set(postgresql.__all__))
        vectors = sorted(used & {"BIT", "HALFVEC", "SPARSEVEC", "VECTOR"})
        lines = [
            "import sqlalchemy as sa" if "sa" in used else "",
            "from alembic import op" if "op" in used else "",
            f"from pgvector.sqlalchemy import {', '.join(vectors)}" if vectors else "",
            f"from sqlalchemy.dialects.postgresql import {', '.join(dialect)}" if dialect else "",
        ]
        ours = ",\n    ".join(sorted(used & set(operations.__all__), key=_as_ruff_sorts))
        house = f"from mivaa_schema.operations import (\n    {ours},\n)"
        return "\n".join([*filter(None, lines), "", house]).strip()

    def write_files(self, folder: Path) -> None:
        """Copy the SQL files that the revision introduces, and what is said about them."""
        folder.mkdir(exist_ok=True)
        for path in (change.file for change in self._copied if change.file):
            (folder / path.parent.name).mkdir(exist_ok=True)
            shutil.copyfile(path, folder / path.parent.name / path.name)
        for name, statements in (("grants.sql", self._grants), ("comments.sql", self._comments)):
            if statements:
                text = "".join(f"{statement};\n" for statement in statements)
                (folder / name).write_text(text, encoding="utf-8")

    # What is planned

    def _plan(self) -> list[Step]:
        of = {
            kind: [c for c in self._changes if c.item.kind == kind]
            for kind in ("table", "column", "constraint", "index", *FOLDERS)
        }
        constraints = [c for c in of["constraint"] if not self._comes_with_table(c)]
        return [
            *(self._table(c) for c in of["table"] if c.creates),
            *self._new_columns([c for c in of["column"] if c.creates]),
            *(self._altered_column(c) for c in of["column"] if c.stays),
            *(self._constraint(c) for c in constraints if c.stays),
            *(self._index(c) for c in of["index"] if c.wanted),
            # A foreign key needs the unique index that it points at.
            *(self._constraint(c) for c in constraints if not c.live),
            *(self._validation(c) for c in constraints if c.wanted),
            self._given_back(),
            *(self._dropped_entities(kind, of[kind]) for kind in reversed(FOLDERS)),
            *(self._entities(kind, of[kind]) for kind in FOLDERS),
            self._said(),
            *(self._about(c) for c in self._changes if c.stays),
            *(self._constraint(c) for c in constraints if not c.wanted),
            *(self._index(c) for c in of["index"] if not c.wanted),
            *self._dropped_columns([c for c in of["column"] if c.drops]),
            *(self._dropped_table(c) for c in of["table"] if c.drops),
        ]

    def _comes_with_table(self, change: Change) -> bool:
        """Whether it is the primary key of a table that comes, or goes, as a whole."""
        return change.item.table in self._new | self._gone and "p" in (
            change.live.get("type"),
            change.wanted.get("type"),
        )

    def _table(self, change: Change) -> Step:
        table = model_of(change.item.name)
        name = repr(change.item.name)
        if not table.comment:
            raise NotDescribed(item=str(change.item))
        columns = "".join(f"    {render_column(c)},\n" for c in table.columns)
        comment = f"    comment={text_literal(table.comment)},\n"
        self._losses.append(f"the rows of {change.item.name}")
        others = [repr(c.name) for c in table.columns if not c.primary_key]
        return Step(
            [
                f"adopt_table(\n    {name},\n{columns}{comment})",
                f"close_relation({name})",
                f"enable_row_security({name})",
            ],
            [
                f"restore_row_security({name})",
                f"restore_grants({name})",
                f"release_table({', '.join([name, *others])})",
            ],
        )

    def _dropped_table(self, change: Change) -> Step:
        name = change.item.name
        of_table = [c for c in self._changes if c.item.table == name and c.item.kind == "column"]
        key = next(
            (c for c in self._changes if c.item.table == name and self._comes_with_table(c)), None
        )
        keys = re.findall(r"\w+", str(key.live["definition"]).partition("(")[2]) if key else []
        columns = "".join(
            f"    {render_live_column(c.item, c.live, key=c.item.name in keys)},\n"
            for c in of_table
        )
        comment = f"    comment={text_literal(change.live['comment'] or '')},\n"
        return Step(
            ["# Its rows are lost.", f"release_table({name!r})"],
            [
                f"adopt_table(\n    {name!r},\n{columns}{comment})",
                *map(run, grants_on(change.item, api_privileges(change.live["acl"]))),
            ],
        )

    def _new_columns(self, changes: list[Change]) -> Iterable[Step]:
        by_table = _by_table(c for c in changes if c.item.table not in self._new)
        for table, of_table in by_table.items():
            columns = [model_of(table).columns[c.item.name] for c in of_table]
            names = [column.name for column in columns]
            self._losses += [f"the values of {table}.{name}" for name in names]
            rendered = "".join(f"    {render_column(column)},\n" for column in columns)
            step = Step(
                [f"adopt_columns(\n    {table!r},\n{rendered})"],
                [f"release_columns({', '.join(map(repr, [table, *names]))})"],
            )
            unfilled = [c.name for c in columns if not c.nullable and c.server_default is None]
            if unfilled:
                step.up.append(_UNFILLED.format(", ".join(unfilled)))
            yield step
        for change in changes:
            yield self._storage(change)

    def _storage(self, change: Change) -> Step:
        """How a new column is stored, where ``storage.sql`` says so."""
        where = f"{change.item.table!r}, {change.item.name!r}"
        alter = f"alter table {change.item.table} alter column {change.item.name} set storage "
        step = Step()
        for statement in entities.listed("storage.sql"):
            if statement.startswith(alter):
                step.up.append(f"set_column_storage({where}, {statement.removeprefix(alter)!r})")
                step.down.append(f"restore_column_storage({where})")
        return step

    def _altered_column(self, change: Change) -> Step:
        table, name = change.item.table, change.item.name
        step = Step()
        for fact in ("type", "nullable", "default"):
            if fact in change.facts:
                for lines, facts in ((step.up, change.wanted), (step.down, change.live)):
                    alter = f"alter table {table} alter column {name} {_alteration(fact, facts)}"
                    lines.append(run(alter))
        if "type" in change.facts:
            step.up.insert(0, "# Rewrites the table under a lock unless the old type fits the new.")
        if "storage" in change.facts:
            where = f"{table!r}, {name!r}"
            step.up.append(f"set_column_storage({where}, {change.wanted['storage']!r})")
            step.down.append(f"restore_column_storage({where})")
        for fact in sorted(change.facts & {"generated", "identity", "acl"}):
            step.up.append(f"# By hand: {fact} of {change.item} differs.")
        return step

    def _dropped_columns(self, changes: list[Change]) -> Iterable[Step]:
        by_table = _by_table(c for c in changes if c.item.table not in self._gone)
        for table, of_table in by_table.items():
            columns = "".join(f"    {render_live_column(c.item, c.live)},\n" for c in of_table)
            yield Step(
                [
                    "# What is in there is lost; on an adopted database it may be the platform's.",
                    *(run(f"alter table {table} drop column {c.item.name}") for c in of_table),
                ],
                [f"adopt_columns(\n    {table!r},\n{columns})"],
            )

    def _constraint(self, change: Change) -> Step:
        step = Step(outside=not change.live)
        if change.live:
            old = self._constraint_of(change, change.live, "_BEFORE" if change.wanted else "")
            if change.item.table not in self._gone:
                step.up.append(old[1])
            step.down += [old[0], *old[2]]
        if change.wanted:
            new = self._constraint_of(change, change.wanted, "")
            step.up.append(new[0])
            step.down.insert(0, new[1])
        return step

    def _validation(self, change: Change) -> Step:
        return Step(self._constraint_of(change, change.wanted, "")[2], outside=True)

    def _constraint_of(
        self, change: Change, facts: Properties, suffix: str
    ) -> tuple[str, str, list[str]]:
        """The lines that add a constraint, drop it and validate it."""
        table, name = change.item.table, change.item.name
        definition = str(facts["definition"])
        constant = name.upper() + suffix
        key = re.fullmatch(r"FOREIGN KEY \((.+?)\) REFERENCES (\S+?)\((.+?)\)(.*)", definition)
        if key:
            columns, references, referenced, actions = key.groups()
            if "." not in references:
                references = f"public.{references}"
            self._constants[constant] = (
                f"ForeignKey({name!r}, {table!r}, {names(columns)}, {references!r},"
                f" {names(referenced)}, {actions.strip().lower()!r})"
            )
            return f"adopt_foreign_key({constant})", *_validated(constant)
        if facts["type"] == "c":
            condition = re.sub(r"(?s)\ACHECK \((.*)\)\Z", r"\1", definition)
            if facts is change.wanted:
                condition = condition_of(table, name) or condition
            self._constants[constant] = f"Check({name!r}, {table!r}, {text_literal(condition)})"
            return f"adopt_check({constant})", *_validated(constant)
        return (
            run(f"alter table {table} add constraint {name} {definition}"),
            run(f"alter table {table} drop constraint {name}"),
            [],
        )

    def _index(self, change: Change) -> Step:
        name = change.item.name.partition(".")[2].upper()
        step = Step(outside=bool(change.wanted))
        if change.live:
            before = f"{name}_BEFORE" if change.wanted else name
            self._constants[before] = index_definition(change.item, str(change.live["definition"]))
            if change.item.table not in self._gone:
                step.up.append(f"release_index({before})")
            step.down.append(f"restore_index({before})")
        if change.wanted:
            self._constants[name] = index_definition(change.item, str(change.wanted["definition"]))
            step.up.append(f"adopt_index({name})")
            step.down.insert(0, f"release_index({name})")
        return step

    def _dropped_entities(self, kind: str, changes: list[Change]) -> Step:
        plural = FOLDERS[kind]
        former = [c.former for c in changes if c.drops and c.former]
        strays = [c.item for c in changes if c.drops and not c.former]
        step = Step([f"# By hand: {item} is there, but no revision made it." for item in strays])
        if former:
            dropped = self._former(f"DROPPED_{plural.upper()}", kind, former)
            step.up.append(f"drop_{plural}(*{dropped})")
            step.down.append(f"create_{plural}(*{dropped})")
        return step

    def _entities(self, kind: str, changes: list[Change]) -> Step:
        plural = FOLDERS[kind]
        step = Step()
        replaced = [c for c in changes if c.stays and "definition" in c.facts]
        if replaced:
            verb = "replace_functions" if kind == "function" else f"create_{plural}"
            name = f"REPLACED_{plural.upper()}"
            former = [c.former for c in replaced if c.former]
            strays = [c.item for c in replaced if not c.former]
            step.down += [
                f"# By hand: {item} was there, but no revision made it." for item in strays
            ]
            step.up.append(f"{verb}(*{self._present(name, kind, replaced)})")
            step.down.append(f"{verb}(*{self._former(f'{name}_BEFORE', kind, former)})")
        created = [c for c in changes if c.creates]
        if created:
            name = self._present(plural.upper(), kind, created)
            step.up.append(f"create_{plural}(*{name})")
            step.down.insert(0, f"drop_{plural}(*{name})")
        return step

    def _present(self, name: str, kind: str, changes: list[Change]) -> str:
        """Define a constant that holds entities from the folder of this revision."""
        self._constants.setdefault("SQL", "FrozenSQL(__file__)")
        files = [c.file.stem for c in changes if c.file]
        self._constants[name] = _tuple(f"SQL.{kind}({stem!r})" for stem in files)
        return name

    def _former(self, name: str, kind: str, copies: list[Copy]) -> str:
        """Define a constant that holds entities from the folders of older revisions."""
        for copy in copies:
            older = f"FrozenSQL(__file__, revision={copy.revision!r})"
            self._constants.setdefault(f"SQL_{copy.revision}", older)
        self._constants[name] = _tuple(
            f"SQL_{copy.revision}.{kind}({copy.path.stem!r})" for copy in copies
        )
        return name

    @cached_property
    def _grants(self) -> list[str]:
        """What the present grants on what is new, or closed by being replaced."""
        opened = [target(c.item) for c in self._copied if c.item.kind == "function"]
        return chosen("grants.sql", [*opened, *sorted(self._new)])

    @cached_property
    def _comments(self) -> list[str]:
        """What the present says about functions, triggers and policies that are new."""
        return chosen("comments.sql", [target(c.item) for c in self._copied if c.creates])

    def _said(self) -> Step:
        step = Step()
        for name, statements in (("grants.sql", self._grants), ("comments.sql", self._comments)):
            if statements:
                self._constants.setdefault("SQL", "FrozenSQL(__file__)")
                step.up.append(f"run(*SQL.statements({name!r}))")
        return step

    def _given_back(self) -> Step:
        """The last lines of the downgrade: privileges and comments of what it has made again."""
        step = Step()
        for change in self._changes:
            again = change.item.kind in FOLDERS and change.drops
            closed = change.item.kind == "function" and "definition" in change.facts
            if change.item.kind == "function" and (again or closed):
                step.down += map(run, grants_on(change.item, api_privileges(change.live["acl"])))
            if again and change.live["comment"]:
                step.down.append(run(comment_on(change.item, change.live["comment"])))
        return step

    def _about(self, change: Change) -> Step:
        """Privileges, comments and settings of what stays."""
        item, live, wanted = change.item, change.live, change.wanted
        step = Step()
        if "comment" in change.facts:
            step.up.append(run(comment_on(item, wanted["comment"])))
            step.down.append(run(comment_on(item, live["comment"])))
        if "acl" in change.facts and item.kind != "column":
            had, has = api_privileges(live["acl"]), api_privileges(wanted["acl"])
            step.up += map(run, [*revokes_on(item, had - has), *grants_on(item, has - had)])
            step.down += map(run, [*revokes_on(item, has - had), *grants_on(item, had - has)])
        if "row_security" in change.facts:
            verbs = {"on": "enable", "off": "disable"}
            for lines, facts in ((step.up, wanted), (step.down, live)):
                verb = verbs[str(facts["row_security"])]
                lines.append(run(f"alter table {item.name} {verb} row level security"))
        if "options" in change.facts:
            old, new = _options(live["options"]), _options(wanted["options"])
            added = {name: value for name, value in new.items() if name not in old}
            if added:
                step.up.append(f"set_table_options({item.name!r}, {added!r})")
                step.down.append(f"reset_table_options({item.name!r}, {tuple(added)!r})")
            if {**old, **added} != new:
                step.up.append(f"# By hand: options of {item} are {old}, expected {new}.")
        if "force_row_security" in change.facts:
            step.up.append(f"# By hand: force_row_security of {item} differs.")
        return step


def model_of(name: str) -> Table:
    """The table of a qualified name, as the models have it."""
    return Base.metadata.tables[name.removeprefix("public.")]


def condition_of(table: str, name: str) -> str | None:
    """The condition of a check as its model puts it."""
    for constraint in model_of(table).constraints:
        formatted = DIALECT.identifier_preparer.format_constraint(constraint)
        if isinstance(constraint, CheckConstraint) and formatted == name:
            return str(constraint.sqltext)
    return None


def index_definition(item: CatalogObject, definition: str) -> str:
    """An ``IndexDefinition`` of what PostgreSQL says in CREATE INDEX."""
    match = re.fullmatch(
        r"CREATE (UNIQUE )?INDEX \S+ ON \S+ USING (\w+) \((.*?)\)"
        r"( INCLUDE \(.*?\))?( NULLS NOT DISTINCT)?(?: WITH \(([^)]*)\))?(?: WHERE \((.*)\))?",
        definition,
    )
    if match is None or match[4] or match[5]:
        return f"None  # By hand: {definition}"
    unique, using, keys, _, _, options, where = match.groups()
    text = f"{item.name.partition('.')[2]!r}, {item.table!r}, {names(keys)}"
    text += ", unique=True" if unique else ""
    text += f", using={using!r}" if using != "btree" else ""
    text += f", options={_options(options)!r}" if options else ""
    text += f", where={text_literal(where)}" if where else ""
    return f"IndexDefinition({text})"


def names(text: str) -> str:
    """A tuple of what stands between the commas, but for those inside of parentheses."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return repr(tuple(part.strip() for part in parts))


def render_column(column: Column[object]) -> str:
    """A column as a revision writes it.

    Raises:
        NotDescribed: If the column has no comment.
    """
    if not column.comment:
        table = f"{column.table.schema or 'public'}.{column.table.name}"
        raise NotDescribed(item=f"column {table}.{column.name}")
    parts = [repr(column.name), render_type(column.type)]
    if column.primary_key:
        parts.append("primary_key=True")
    elif not column.nullable:
        parts.append("nullable=False")
    if isinstance(column.server_default, DefaultClause):
        default = column.server_default.arg
        if isinstance(default, str):
            parts.append(f"server_default={default!r}")
        elif isinstance(default, TextClause):
            parts.append(f"server_default=sa.text({text_literal(default.text)})")
        else:
            text = str(default.compile(dialect=DIALECT))
            parts.append(f"server_default=sa.text({text_literal(text)})")
    elif column.computed is not None:
        parts.append(f"sa.Computed({text_literal(str(column.computed.sqltext))}, persisted=True)")
    parts.append(f"comment={text_literal(column.comment)}")
    return f"sa.Column({', '.join(parts)})"


def render_live_column(item: CatalogObject, facts: Properties, *, key: bool = False) -> str:
    """A column of the database as a revision writes it.

    Raises:
        NotDrafted: If it has a type for which there is no text.
    """
    parts = [repr(item.name), _render_live_type(item, str(facts["type"]))]
    if key:
        parts.append("primary_key=True")
    elif facts["nullable"] == "not null":
        parts.append("nullable=False")
    if facts["default"]:
        parts.append(f"server_default=sa.text({text_literal(facts['default'])})")
    parts.append(f"comment={text_literal(facts['comment'] or 'Undescribed.')}")
    return f"sa.Column({', '.join(parts)})"


def _render_live_type(item: CatalogObject, type_: str) -> str:
    if type_.endswith("[]"):
        return f"ARRAY({_render_live_type(item, type_.removesuffix('[]'))})"
    if vector := re.fullmatch(r"(vector|halfvec|sparsevec|bit)(\(\d+\))", type_):
        return f"{vector[1].upper()}{vector[2]}"
    if type_ not in _TYPES:
        raise NotDrafted(item=str(item), type=type_)
    return _TYPES[type_]


def render_type(type_: TypeEngine[object]) -> str:
    """A type of a model as a revision writes it; the imports follow from the names."""
    name = type(type_).__name__
    if type(type_).__module__.startswith("pgvector."):
        return f"{name}({getattr(type_, 'dim', None) or ''})"
    if isinstance(type_, postgresql.ARRAY):
        return f"ARRAY({render_type(type_.item_type)})"
    if isinstance(type_, (postgresql.JSONB, postgresql.JSON)):
        return f"{name}()"
    prefix = "" if type(type_).__module__.startswith("sqlalchemy.dialects.") else "sa."
    return f"{prefix}{type_!r}"


def text_literal(text: str) -> str:
    """A Python string; a long one in several pieces, none wider than a line."""
    if len(text) <= _WIDTH and "\n" not in text:
        return repr(text)
    pieces = wrap(text, _WIDTH, drop_whitespace=False, replace_whitespace=False, expand_tabs=False)
    return "(\n" + "".join(f"    {piece!r}\n" for piece in pieces) + ")"


def run(statement: str) -> str:
    """The line that sends a statement as it stands."""
    return f"run({text_literal(statement)})"


def target(item: CatalogObject) -> str:
    """How grants and comments speak of an object, without arguments: ``function mivaa.user_id``."""
    if item.kind == "function":
        return f"function {item.name.partition('(')[0]}"
    return f"{item.kind} {item.name} on {item.table}"


def chosen(name: str, targets: Sequence[str]) -> list[str]:
    """The statements of a present list that are about something, in the order of the list."""
    wanted = [s for t in targets for s in about(t, entities.listed(name))]
    return [s for s in entities.listed(name) if s in wanted]


def comment_on(item: CatalogObject, comment: str | None) -> str:
    """The statement that comments on an object."""
    name = str(item) if item.kind != "function" else f"function {item.name}"
    return f"comment on {name} is {literal(comment) if comment is not None else 'null'}"


def api_privileges(acl: str | None) -> set[tuple[str, str]]:
    """Grantee and privilege of what PUBLIC and the API roles may do."""
    pairs = (entry.partition("=")[::2] for entry in (acl or "").split(", "))
    return {(who, what.rstrip("*")) for who, what in pairs if who in ("public", *API_ROLES)}


def grants_on(item: CatalogObject, privileges: set[tuple[str, str]]) -> list[str]:
    """The statements that grant privileges, a statement a grantee."""
    return _statements("grant", "to", item, privileges)


def revokes_on(item: CatalogObject, privileges: set[tuple[str, str]]) -> list[str]:
    """The statements that revoke privileges, a statement a grantee."""
    return _statements("revoke", "from", item, privileges)


def _statements(
    verb: str, preposition: str, item: CatalogObject, privileges: set[tuple[str, str]]
) -> list[str]:
    grantees = sorted({who for who, _ in privileges})
    return [
        f"{verb} {', '.join(sorted(what for whom, what in privileges if whom == who)).lower()}"
        f" on {item} {preposition} {who}"
        for who in grantees
    ]


def _by_table(changes: Iterable[Change]) -> dict[str, list[Change]]:
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(change.item.table, []).append(change)
    return found


def _tuple(members: Iterable[str]) -> str:
    return "(\n" + "".join(f"    {member},\n" for member in members) + ")"


def _within(context: str, lines: Iterable[str]) -> list[str]:
    return [f"with {context}:", *(indent(line, "    ") for line in lines)]


def _validated(constant: str) -> tuple[str, list[str]]:
    return f"release_constraint({constant})", [f"validate({constant})"]


def _alteration(fact: str, facts: Properties) -> str:
    value = facts[fact]
    if fact == "type":
        return f"type {value}"
    if fact == "nullable":
        return "set not null" if value == "not null" else "drop not null"
    return f"set default {value}" if value is not None else "drop default"


def _options(text: str | None) -> dict[str, str]:
    pairs = (option.partition("=") for option in (text or "").split(", ") if option)
    return {name: value.strip("'") for name, _, value in pairs}


def _as_ruff_sorts(name: str) -> tuple[int, str]:
    """Constants first, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)
