"""Tables, columns and the extension: adopted where they exist, created where they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.schema import Column, CreateTable, MetaData, PrimaryKeyConstraint, Table

from mivaa_schema.operations.ledger import forget, record, recorded, undo
from mivaa_schema.operations.sql import (
    DIALECT,
    EVERY_API_GRANTEE,
    added_column_ddl,
    block,
    has_column,
    literal,
    run,
    text_array,
    when,
)


def adopt_vector_extension() -> None:
    """Create extension vector unless it is there; in ``extensions`` where that schema exists."""
    missing = "not exists (select from pg_catalog.pg_extension where extname = 'vector')"
    create = when(
        "to_regnamespace('extensions') is not null",
        "create extension vector with schema extensions;",
        "create extension vector with schema public;",
    )
    run(block(when(missing, create + "\n" + record("extension", "vector"))))


def release_vector_extension() -> None:
    """Drop extension vector if the chain created it."""
    run(block(undo("extension", "vector", "drop extension vector;")))


def adopt_table(name: str, *columns: Column[object], comment: str) -> None:
    """Create a table, or add to an existing one the columns that it lacks.

    A created table is born closed: row-level security on, nothing granted to the API roles. On an
    existing table nothing but the missing columns is touched; each is nullable or has a constant
    default, so that no row is rewritten.

    Args:
        name: Qualified name, ``public.documents``.
        columns: All columns, the primary key among them. Foreign keys, checks and indexes are
            added by operations of their own.
        comment: What the table holds.
    """
    schema, _, bare = name.partition(".")
    keys = [column.name for column in columns if column.primary_key]
    table = Table(
        bare,
        MetaData(),
        *columns,
        PrimaryKeyConstraint(*keys, name=f"{bare}_pkey"),
        schema=schema,
    )
    create = [
        str(CreateTable(table).compile(dialect=DIALECT)).strip() + ";",
        f"comment on table {name} is {literal(comment)};",
        *(_column_comment(name, column) for column in table.columns),
        f"alter table {name} enable row level security;",
        f"revoke all on {name} from {EVERY_API_GRANTEE};",
        record("table", name),
    ]
    add = [_add_column(name, column) for column in table.columns if not column.primary_key]
    run(block(when(f"to_regclass({literal(name)}) is null", "\n".join(create), "\n".join(add))))


def release_table(name: str, *columns: str) -> None:
    """Drop a table that the chain created, else the columns that the chain added to it.

    Args:
        name: Qualified name.
        columns: Names of the columns that :func:`adopt_table` may have added.
    """
    drop = f"drop table {name};\n" + forget("table", name)
    keep = "\n".join(_drop_column(name, column) for column in reversed(columns))
    run(block(when(recorded("table", name), drop, keep)))


def lock_incomplete_tables(columns: Mapping[str, Sequence[str]]) -> None:
    """Lock those tables, all at once, to which columns are going to be added.

    Args:
        columns: Names of the columns that a table is to have, by its qualified name; a table that
            is not there is passed over.
    """
    wanted = ",\n".join(
        f"    ({literal(table)}, {text_array(names)})" for table, names in columns.items()
    )
    run(
        "select mivaa.lock_tables('access exclusive', variadic array(\n"
        f"  select w.name from (values\n{wanted}\n  ) w (name, columns)\n"
        "  where exists (\n"
        "    select from unnest(w.columns) c where not exists (\n"
        "      select from pg_catalog.pg_attribute a\n"
        "      where a.attrelid = to_regclass(w.name) and a.attname = c and not a.attisdropped\n"
        "    )\n"
        "  )\n"
        "))"
    )


def adopt_columns(table: str, *columns: Column[object]) -> None:
    """Add those of the columns that the table lacks, each nullable or with a constant default."""
    run(block("\n".join(_add_column(table, column) for column in columns)))


def release_columns(table: str, *columns: str) -> None:
    """Drop those of the columns that the chain added."""
    run(block("\n".join(_drop_column(table, column) for column in reversed(columns))))


def _add_column(table: str, column: Column[object]) -> str:
    add = "\n".join(
        (
            f"alter table {table} add column {added_column_ddl(column)};",
            _column_comment(table, column),
            record("column", f"{table}.{column.name}"),
        )
    )
    return when("not " + has_column(table, column.name), add)


def _drop_column(table: str, column: str) -> str:
    return undo("column", f"{table}.{column}", f"alter table {table} drop column {column};")


def _column_comment(table: str, column: Column[object]) -> str:
    if column.comment is None:
        message = f"column {table}.{column.name} has no comment; say what it holds"
        raise ValueError(message)
    return f"comment on column {table}.{column.name} is {literal(column.comment)};"
