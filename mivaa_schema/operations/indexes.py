"""Indexes: described, built while users write, compared with one of the name, built again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic.operations.schemaobj import SchemaObjects
from sqlalchemy.schema import CreateIndex, Index

from mivaa_schema.operations.batch import Operation, SchemaObject, patiently
from mivaa_schema.operations.sql import (
    DIALECT,
    block,
    literal,
    qualified,
    quote,
    record,
    undo,
    when,
)


def index(
    name: str, table: str, columns: Sequence[Any] | str, *, unique: bool = False, **options: Any
) -> SchemaObject:
    """An index; the arguments are those of Alembic's ``op.create_index``.

    Args:
        name: Name without schema; an index lives in the schema of its table.
        table: Qualified name of the table.
        columns: Names of columns, ``sa.text(...)`` or expressions; or, as one text, everything that
            follows the table in CREATE INDEX: ``USING gin (title gin_trgm_ops)``.
        unique: Whether the keys are unique.
        options: ``postgresql_using``, ``postgresql_where``, ``postgresql_include`` and so on.

    Raises:
        ValueError: If the table is named without its schema.
    """
    qualified(table)
    schema, _, bare = table.partition(".")
    if isinstance(columns, str):
        return _index(f"{schema}.{name}", table, unique, columns)
    source = SchemaObjects().index(name, bare, columns, schema=schema, unique=unique, **options)
    return described_index(source)


def described_index(source: Index) -> SchemaObject:
    """An index of SQLAlchemy as a manifest holds it; ``definition`` is what follows the table."""
    assert source.table is not None  # noqa: S101 - an index belongs to a table
    schema = source.table.schema or "public"
    text = str(CreateIndex(source).compile(dialect=DIALECT)).strip()
    relation = DIALECT.identifier_preparer.format_table(source.table)
    definition = text.partition(f" ON {relation} ")[2]
    name, table = f"{schema}.{source.name}", f"{schema}.{source.table.name}"
    return _index(name, table, bool(source.unique), definition)


def _index(name: str, table: str, unique: bool, definition: str) -> SchemaObject:
    found = {"kind": "index", "table": table, "name": name}
    return {**found, "unique": unique, "definition": definition}


def adopt_index(target: SchemaObject) -> Operation:
    """Build an index concurrently, or keep the valid one that is there.

    Only inside of :func:`resumable`. An INVALID index of the name, left by a build that was
    interrupted, is dropped and built anew (online; the offline script stops and says so). A valid
    one with another definition stops the upgrade: dropping it is for its owner to decide.
    """
    return build_index(target)


def build_index(target: SchemaObject, condition: str = "") -> Operation:
    """Build an index concurrently; one of its name is compared only where the condition holds."""
    name = qualified(target["name"])
    invalid = (
        f"select {literal(f'drop index concurrently if exists {name}')}"
        " from pg_catalog.pg_index"
        f" where indexrelid = to_regclass({literal(name)}) and not indisvalid"
    )
    create = create_index(target, "concurrently if not exists ")
    return Operation(
        (_compare_and_record(target, condition), *patiently(create)), (target,), cleanup=(invalid,)
    )


def release_index(target: SchemaObject) -> Operation:
    """Drop an index that the chain built; plainly, since a drop scans nothing."""
    drop = f"drop index if exists {qualified(target['name'])};"
    return Operation((block(undo("index", target["name"], drop)),), drops=(target,))


def restore_index(target: SchemaObject) -> Operation:
    """Build again what :func:`release_index` dropped; plainly, so that a rollback can do it too.

    Writers of the table wait until it is built.
    """
    create = f"{create_index(target)};\n{record('index', target['name'])}"
    missing = f"to_regclass({literal(qualified(target['name']))}) is null"
    return Operation((block(when(missing, create)),), (target,))


def create_index(target: SchemaObject, how: str = "") -> str:
    """The statement that creates an index."""
    name = quote(target["name"].partition(".")[2])
    table = qualified(target["table"])
    return f"create {_kind(target)} {how}{name} on {table} {target['definition']}"


def _kind(target: SchemaObject) -> str:
    return "unique index" if target["unique"] else "index"


def _compare_and_record(target: SchemaObject, condition: str) -> str:
    """Compare an index of the name with the definition that is wanted, where a condition holds.

    PostgreSQL prints a definition in its own words, so the wanted one is built on an empty
    temporary copy of the table, and the two are compared in the same words.
    """
    name, table = qualified(target["name"]), qualified(target["table"])
    compare = f"""\
if exists (select from pg_catalog.pg_index where indexrelid = v_found and not indisvalid) then
  raise exception 'index % is INVALID: an earlier build was interrupted', {literal(name)}
    using errcode = 'object_not_in_prerequisite_state',
          hint = {literal(f"Run: drop index concurrently {name}; then start again.")};
end if;
if (select indrelid from pg_catalog.pg_index where indexrelid = v_found)
    is distinct from {literal(table)}::regclass then
  raise exception '% exists and is no index of %', {literal(name)}, {literal(table)}
    using errcode = 'duplicate_object', hint = 'Rename or drop it, then start again.';
end if;
create temporary table mivaa_probe (like {table}) on commit drop;
create {_kind(target)} mivaa_probe_index on mivaa_probe {target["definition"]};
select substring(pg_get_indexdef('pg_temp.mivaa_probe_index'::regclass) from ' USING .*')
  into v_wanted;
v_is := substring(pg_get_indexdef(v_found) from ' USING .*');
if v_is <> v_wanted or (select indisunique from pg_catalog.pg_index where indexrelid = v_found)
    <> {str(target["unique"]).lower()} then
  raise exception 'index % is%, expected%', {literal(name)}, v_is, v_wanted
    using errcode = 'duplicate_object', hint = 'Rename or drop it, then start again.';
end if;
drop table mivaa_probe;"""
    found = f"to_regclass({literal(name)})"
    body = when("v_found is null", record("index", target["name"]), compare)
    return block(
        when(condition, body) if condition else body,
        declare=f"v_found constant regclass := {found};\nv_is text;\nv_wanted text;",
    )
