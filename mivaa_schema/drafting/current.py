"""The current definitions, from the models and the SQL files, in the form of the manifests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Constraint,
    Enum,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import DOMAIN, ExcludeConstraint
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import AddConstraint, CreateColumn
from sqlalchemy.types import TypeEngine

from mivaa_schema.drafting.errors import NotDrafted, SqlFileRefused
from mivaa_schema.history import SchemaObject
from mivaa_schema.models import Base
from mivaa_schema.operations import check, exclusion, foreign_key, unique
from mivaa_schema.operations.constraints import described_index
from mivaa_schema.operations.entities import LISTS, SqlFile, sql_files, statements
from mivaa_schema.operations.sql import DIALECT
from mivaa_schema.operations.tables import column

ROOT = Path(__file__).parents[1] / "sql"

STORAGE = "storage.sql"


def objects(metadata: MetaData = Base.metadata, root: Path = ROOT) -> list[SchemaObject]:
    """Every object of the models and the SQL files; functions, triggers and policies with ``path``.

    Raises:
        NotDrafted: If something in a model cannot become a revision.
        SqlFileRefused: If a SQL file cannot be understood.
    """
    return [*(o for table in tables(metadata) for o in of_table(table)), *of_files(root)]


def tables(metadata: MetaData = Base.metadata) -> list[Table]:
    """Our tables, those that others point at first; those of the platform are not ours."""
    return [table for table in metadata.sorted_tables if table.schema != "auth"]


def name_of(table: Table) -> str:
    """The qualified name of a table, which has no schema of its own in the models."""
    return f"{table.schema or 'public'}.{table.name}"


def of_table(table: Table) -> Iterator[SchemaObject]:
    """A table, its columns, indexes and constraints."""
    name = name_of(table)
    if table.schema not in (None, "public"):
        raise NotDrafted(item=f"table {name}", reason="tables are in schema public")
    if not table.comment:
        raise NotDrafted(item=f"table {name}", reason="it has no comment; say what it holds")
    key = [str(c.name) for c in table.primary_key.columns]
    yield {"kind": "table", "name": name, "comment": table.comment} | (
        {"primary_key": key} if key else {}
    )
    for source in table.columns:
        refuse_column(name, source)
        yield column(name, source)
    for index in sorted(table.indexes, key=lambda one: str(one.name)):
        try:
            yield described_index(index)
        except CompileError as error:
            raise NotDrafted(item=f"index {index.name}", reason=str(error)) from error
    constraints = [c for c in table.constraints if not isinstance(c, PrimaryKeyConstraint)]
    named = [(_name_of(name, constraint), constraint) for constraint in constraints]
    for constraint_name, constraint in sorted(named, key=lambda pair: pair[0]):
        yield from of_constraint(name, constraint_name, constraint)


def _name_of(table: str, constraint: Constraint) -> str:
    if constraint.name is None:
        raise NotDrafted(
            item=f"a constraint of table {table}", reason="it has no name; give it one"
        )
    return str(DIALECT.identifier_preparer.format_constraint(constraint)).strip('"')


def of_constraint(table: str, name: str, constraint: Any) -> Iterator[SchemaObject]:
    """A constraint of a table; the primary key belongs to the table itself."""
    if isinstance(constraint, ForeignKeyConstraint):
        target = constraint.elements[0].column.table
        yield foreign_key(
            name,
            table,
            [str(c.name) for c in constraint.columns],
            f"{target.schema or 'public'}.{target.name}",
            [str(element.column.name) for element in constraint.elements],
            on_delete=constraint.ondelete,
            on_update=constraint.onupdate,
            deferrable=constraint.deferrable,
            initially=constraint.initially,
            match=constraint.match,
        )
    elif isinstance(constraint, CheckConstraint):
        yield check(name, table, as_sql(f"check {name} of {table}", constraint.sqltext))
    elif isinstance(constraint, UniqueConstraint):
        copy = constraint.table.to_metadata(MetaData())
        keys = [copy.columns[c.name] for c in constraint.columns]
        built = described_index(Index(name, *keys, unique=True, **constraint.dialect_kwargs))
        timing = {"deferrable": constraint.deferrable, "initially": constraint.initially}
        names = [str(c.name) for c in constraint.columns]
        yield unique(name, table, built["definition"], keys=names, **timing)
    elif isinstance(constraint, ExcludeConstraint):
        text = str(AddConstraint(constraint).compile(dialect=DIALECT))
        yield exclusion(name, table, "EXCLUDE" + text.partition(" EXCLUDE")[2])


def as_sql(item: str, expression: Any) -> str:
    """An expression of a model as SQL text.

    Raises:
        NotDrafted: If a colon in it is read as a bind parameter.
    """
    try:
        return str(expression.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))
    except CompileError as error:
        reason = f"{error}. A colon that is meant as such is written \\\\: in text"
        raise NotDrafted(item=item, reason=reason) from error


def refuse_column(table: str, source: Column[Any]) -> None:
    """Refuse a column that cannot become part of a revision.

    Raises:
        NotDrafted: With what to do instead.
    """
    item = f"column {table}.{source.name}"
    if not source.comment:
        raise NotDrafted(item=item, reason="it has no comment; say what it holds")
    for type_ in _types_of(source.type):
        if isinstance(type_, DOMAIN) or (isinstance(type_, Enum) and type_.native_enum):
            raise NotDrafted(
                item=item,
                reason=f"its type {type_.name} is one that has to be created first; use text with"
                " a CHECK, or Enum(..., native_enum=False)",
            )
    try:
        CreateColumn(source).compile(dialect=DIALECT)
    except CompileError as error:
        raise NotDrafted(item=item, reason=str(error)) from error


def _types_of(type_: TypeEngine[Any]) -> Iterator[TypeEngine[Any]]:
    type_ = type_.dialect_impl(DIALECT)
    yield type_
    inner = getattr(type_, "item_type", None) or getattr(type_, "impl", None)
    if isinstance(inner, TypeEngine):
        yield inner


def of_files(root: Path = ROOT) -> Iterator[SchemaObject]:
    """Functions, triggers, policies, grants, comments and storage of the SQL tree."""
    for file in sql_files(root):
        try:
            yield {**file.object, "path": file.path}
        except Exception as error:
            raise SqlFileRefused(path=file.path, detail=" ".join(str(error).split())) from error
    for name, kind in LISTS.items():
        for line, statement in _list(root / name):
            yield {"kind": kind, "name": statement, "path": root / name, "line": line}
    for line, statement in _list(root / STORAGE):
        yield {**_storage(root / STORAGE, line, statement), "path": root / STORAGE, "line": line}


def _list(path: Path) -> list[tuple[int, str]]:
    return statements(path.read_text(encoding="utf-8")) if path.exists() else []


def _storage(path: Path, line: int, statement: str) -> SchemaObject:
    """A statement of ``storage.sql``: how a column is stored, or a parameter of a table."""
    words = statement.split()
    match words:
        case ["alter", "table", table, "alter", "column", name, "set", "storage", storage]:
            return {"kind": "storage", "table": table, "name": name.strip('"'), "storage": storage}
        case ["alter", "table", table, "set", *rest]:
            name, _, value = " ".join(rest).strip("()").partition("=")
            return {"kind": "option", "table": table, "name": name.strip(), "value": value.strip()}
    raise SqlFileRefused(
        path=f"{path}:{line}",
        detail="expected alter table ... alter column ... set storage ..., or"
        " alter table ... set (name = value)",
    )


def file_of(item: SchemaObject) -> SqlFile:
    """The file of a function, trigger or policy."""
    return SqlFile(item["path"])
