"""The current definitions, from the models and the SQL files, in the form of the manifests."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Constraint,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    UniqueConstraint,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import AddConstraint, sort_tables_and_constraints
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BindParameter, ClauseElement

from mivaa_schema.drafting.errors import NotDrafted, SqlFileRefused
from mivaa_schema.history import SchemaObject
from mivaa_schema.operations import (
    check,
    column,
    exclusion,
    foreign_key,
    option,
    storage,
    unique,
)
from mivaa_schema.operations.entities import LISTS, sql_files, statements
from mivaa_schema.operations.indexes import described_index
from mivaa_schema.operations.sql import DIALECT

try:
    from mivaa_schema.models import Base
except SQLAlchemyError as error:
    # SQLAlchemy refuses some models when their classes are defined.
    frames = traceback.extract_tb(error.__traceback__)
    where = next(f for f in reversed(frames) if Path(f.filename).parent.name == "models")
    raise NotDrafted(
        item=f"{where.filename}:{where.lineno}", reason=str(error).strip(".")
    ) from error

ROOT = Path(__file__).parents[1] / "sql"

STORAGE = "storage.sql"


def objects(metadata: MetaData = Base.metadata, root: Path = ROOT) -> list[SchemaObject]:
    """Every object of the models and the SQL files; functions, triggers and policies with ``path``.

    Raises:
        NotDrafted: If something in a model cannot become a revision.
        SqlFileRefused: If a SQL file cannot be understood.
    """
    return [*(o for table in tables(metadata) for o in of_table(table)), *of_files(root)]


def listed(*kinds: str) -> list[SchemaObject]:
    """The objects of some kinds among those of the SQL files."""
    return [item for item in of_files() if item["kind"] in kinds]


def tables(metadata: MetaData = Base.metadata) -> list[Table]:
    """Our tables, those that others point at first; those of the platform are not ours."""
    with _refused("a table of the models"):
        ordered = sort_tables_and_constraints(metadata.tables.values())  # type: ignore[no-untyped-call]
    return [table for table, _ in ordered if table is not None and table.schema != "auth"]


def name_of(table: Table) -> str:
    """The qualified name of a table, which has no schema of its own in the models."""
    return f"{table.schema or 'public'}.{table.name}"


def table_of(name: str) -> Table:
    """The table of a qualified name."""
    return next(table for table in tables() if name_of(table) == name)


def column_of(item: SchemaObject) -> Column[Any]:
    """The column of a model that an object was read from."""
    return next(c for c in table_of(item["table"]).columns if str(c.name) == item["name"])


def of_table(table: Table) -> Iterator[SchemaObject]:
    """A table, its columns, indexes and constraints.

    Raises:
        NotDrafted: If something in it cannot become a revision.
    """
    name = name_of(table)
    with _refused(f"table {name}"):
        yield _table(name, table)
    for source in table.columns:
        with _refused(f"column {name}.{source.name}"):
            yield _column(name, source)
    for index in sorted(table.indexes, key=lambda one: str(one.name)):
        with _refused(f"index {index.name} on {name}"):
            _refuse_parameters(*index.expressions, index.dialect_options["postgresql"]["where"])
            yield described_index(index)
    constraints = [c for c in table.constraints if not isinstance(c, PrimaryKeyConstraint)]
    for constraint in sorted(constraints, key=lambda one: str(one.name)):
        with _refused(f"constraint {constraint.name or 'without a name'} on {name}"):
            yield _constraint(name, _name_of(constraint), constraint)


@contextmanager
def _refused(item: str) -> Iterator[None]:
    """Say of what SQLAlchemy complains."""
    try:
        yield
    except (SQLAlchemyError, ValueError) as error:
        reason = str(error).partition("(Background on this error")[0].strip().strip(".")
        raise NotDrafted(item=item, reason=reason) from error


def _refuse_parameters(*expressions: Any) -> None:
    """Refuse text() with a parameter, which would become NULL: a colon was not escaped."""
    for expression in (e for e in expressions if isinstance(e, ClauseElement)):
        for element in visitors.iterate(expression):
            if isinstance(element, BindParameter) and element.value is None and not element.unique:
                message = f"in its text :{element.key} is a parameter; a colon that is meant as one"
                raise ValueError(message + r" is written \\: there")


def _table(name: str, table: Table) -> SchemaObject:
    message = ""
    if table.schema not in (None, "public"):
        message = "tables are in schema public"
    elif not table.comment:
        message = "it has no comment; say what it holds"
    elif table.dialect_kwargs or table._prefixes:
        message = (
            f"it has options of its own: storage parameters stand in {STORAGE}, and what is"
            " partitioned, inherited or unlogged is created by hand"
        )
    key = [str(c.name) for c in table.primary_key.columns]
    own = table.primary_key.name and _name_of(table.primary_key)
    if own and own != f"{table.name}_pkey":
        message = f"its primary key is called {own}, expected {table.name}_pkey"
    if message:
        raise ValueError(message)
    found: SchemaObject = {"kind": "table", "name": name, "comment": table.comment}
    return found | ({"primary_key": key} if key else {})


def _column(table: str, source: Column[Any]) -> SchemaObject:
    computed = source.computed.sqltext if source.computed is not None else None
    _refuse_parameters(getattr(source.server_default, "arg", None), computed)
    found = column(table, source)
    if source.table.autoincrement_column is source and source.identity is None:
        message = "PostgreSQL would count it with a sequence of its own; add sa.Identity() to it"
        raise ValueError(message)
    if isinstance(source.default, Sequence):
        message = "a sequence has to be created by hand; use sa.Identity() instead"
        raise ValueError(message)
    return found


def _name_of(constraint: Constraint) -> str:
    name = DIALECT.identifier_preparer.format_constraint(constraint)
    if name is None:
        message = "it has no name; give it one"
        raise ValueError(message)
    return str(name).strip('"')


def _constraint(table: str, name: str, constraint: Any) -> SchemaObject:
    """A constraint of a table; the primary key belongs to the table itself."""
    if isinstance(constraint, ForeignKeyConstraint):
        target = constraint.elements[0].column.table
        return foreign_key(
            name,
            table,
            [str(c.name) for c in constraint.columns],
            name_of(target),
            [str(element.column.name) for element in constraint.elements],
            on_delete=constraint.ondelete,
            on_update=constraint.onupdate,
            deferrable=constraint.deferrable,
            initially=constraint.initially,
            match=constraint.match,
        )
    if isinstance(constraint, UniqueConstraint):
        copy = constraint.table.to_metadata(MetaData())
        keys = [copy.columns[c.key] for c in constraint.columns]
        built = described_index(Index(name, *keys, unique=True, **constraint.dialect_kwargs))
        timing = {"deferrable": constraint.deferrable, "initially": constraint.initially}
        names = [str(c.name) for c in constraint.columns]
        return unique(name, table, built["definition"], keys=names, **timing)
    if isinstance(constraint, CheckConstraint):
        _refuse_parameters(constraint.sqltext)
        sql = constraint.sqltext.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})
        return check(name, table, str(sql))
    _refuse_parameters(
        constraint.where, *(expression for expression, _, _ in constraint._render_exprs)
    )
    text = str(AddConstraint(constraint).compile(dialect=DIALECT))
    return exclusion(name, table, "EXCLUDE" + text.partition(" EXCLUDE")[2])


def of_files(root: Path = ROOT) -> Iterator[SchemaObject]:
    """Functions, triggers, policies, grants, comments and storage of the SQL tree."""
    for file in sql_files(root):
        try:
            yield {**file.object, "path": file.path}
        except Exception as error:
            raise SqlFileRefused(path=file.path, detail=" ".join(str(error).split())) from error
    for name, kind in LISTS.items():
        for line, statement in _list(root / name):
            if not statement.startswith((kind, "do ")):
                detail = f"expected a statement that begins with '{kind}', found {statement[:50]!r}"
                raise SqlFileRefused(path=f"{root / name}:{line}", detail=detail)
            yield {"kind": kind, "name": statement, "path": root / name, "line": line}
    for line, statement in _list(root / STORAGE):
        yield {**_storage(root / STORAGE, line, statement), "path": root / STORAGE, "line": line}


def _list(path: Path) -> list[tuple[int, str]]:
    return statements(path.read_text(encoding="utf-8")) if path.exists() else []


def _storage(path: Path, line: int, statement: str) -> SchemaObject:
    """A statement of ``storage.sql``: how a column is stored, or a parameter of a table."""
    words = statement.split()
    match words:
        case ["alter", "table", table, "alter", "column", name, "set", "storage", how]:
            return storage(name.strip('"'), table.replace('"', ""), how)
        case ["alter", "table", table, "set", *rest]:
            name, _, value = " ".join(rest).strip("()").partition("=")
            return option(name.strip(), table.replace('"', ""), value.strip())
    raise SqlFileRefused(
        path=f"{path}:{line}",
        detail="expected alter table ... alter column ... set storage ..., or"
        " alter table ... set (name = value)",
    )
