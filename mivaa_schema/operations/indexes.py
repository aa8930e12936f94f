"""Indexes that are built while users write, and that heal after a build that was cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alembic import op

from mivaa_schema.operations.ledger import record, undo
from mivaa_schema.operations.sql import block, literal, run, when
from mivaa_schema.operations.timeouts import patient


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    """An index as CREATE INDEX describes it.

    Attributes:
        name: Name without schema; an index lives in the schema of its table.
        table: Qualified name of the table.
        keys: Columns or parenthesised expressions, with operator class and direction.
        unique: Whether the keys are unique.
        using: Access method.
        options: Storage parameters, for example ``{"m": "16"}`` for hnsw.
        where: Condition of a partial index.
    """

    name: str
    table: str
    keys: Sequence[str]
    unique: bool = False
    using: str = "btree"
    options: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None

    @property
    def object_name(self) -> str:
        """Qualified name of the index."""
        return f"{self.table.partition('.')[0]}.{self.name}"

    def definition(self, table: str) -> str:
        """Everything that follows the name in CREATE INDEX, on the table that is given."""
        text = f"on {table} using {self.using} ({', '.join(self.keys)})"
        if self.options:
            options = ", ".join(f"{name} = {value}" for name, value in self.options.items())
            text += f" with ({options})"
        if self.where is not None:
            text += f" where {self.where}"
        return text

    @property
    def kind(self) -> str:
        """``index`` or ``unique index``."""
        return "unique index" if self.unique else "index"


def adopt_index(index: IndexDefinition) -> None:
    """Build an index concurrently, or keep the valid one that is there.

    Must stand in an autocommit block. An INVALID index of the name, left by a build that was cut
    off, is dropped and built anew (online; the offline script stops and says so). A valid one
    with another definition stops the upgrade: dropping it is for its owner to decide.
    """
    if not op.get_context().as_sql:
        _drop_if_invalid(index)
    run(_check_and_record(index))
    with patient():
        run(
            f"create {index.kind} concurrently if not exists {index.name}"
            f" {index.definition(index.table)}"
        )


def release_index(index: IndexDefinition) -> None:
    """Drop an index that the chain built; plainly, since a drop scans nothing."""
    run(block(undo("index", index.object_name, f"drop index if exists {index.object_name};")))


def restore_index(index: IndexDefinition) -> None:
    """Build again what :func:`release_index` dropped; plainly, so that a rollback can do it too.

    Writers of the table wait until it is built.
    """
    create = f"create {index.kind} {index.name} {index.definition(index.table)};\n" + record(
        "index", index.object_name
    )
    run(block(when(f"to_regclass({literal(index.object_name)}) is null", create)))


def _drop_if_invalid(index: IndexDefinition) -> None:
    connection = op.get_bind()
    invalid = connection.exec_driver_sql(
        "select exists (select from pg_catalog.pg_index"
        f" where indexrelid = to_regclass({literal(index.object_name)}) and not indisvalid)"
    ).scalar_one()
    if invalid:
        with patient():
            run(f"drop index concurrently if exists {index.object_name}")


def _check_and_record(index: IndexDefinition) -> str:
    """Compare an index of the name with the definition that is wanted.

    PostgreSQL prints a definition in its own words, so the wanted one is built on an empty
    temporary copy of the table, and the two are compared in the same words.
    """
    found = f"to_regclass({literal(index.object_name)})"
    compare = f"""\
if exists (select from pg_catalog.pg_index where indexrelid = v_found and not indisvalid) then
  raise exception 'index {index.object_name} is INVALID: an earlier build was cut off'
    using errcode = 'object_not_in_prerequisite_state',
          hint = 'Run: drop index concurrently {index.object_name}; then start again.';
end if;
if (select indrelid from pg_catalog.pg_index where indexrelid = v_found)
    is distinct from {literal(index.table)}::regclass then
  raise exception '{index.object_name} exists and is no index of {index.table}'
    using errcode = 'duplicate_object', hint = 'Rename or drop it, then start again.';
end if;
create temporary table mivaa_probe (like {index.table}) on commit drop;
create {index.kind} mivaa_probe_index {index.definition("mivaa_probe")};
select substring(pg_get_indexdef('pg_temp.mivaa_probe_index'::regclass) from ' USING .*')
  into v_wanted;
v_is := substring(pg_get_indexdef(v_found) from ' USING .*');
if v_is <> v_wanted or (select indisunique from pg_catalog.pg_index where indexrelid = v_found)
    <> {str(index.unique).lower()} then
  raise exception 'index {index.object_name} is%, expected%', v_is, v_wanted
    using errcode = 'duplicate_object', hint = 'Rename or drop it, then start again.';
end if;
drop table mivaa_probe;"""
    return block(
        when("v_found is null", record("index", index.object_name), compare),
        declare=f"v_found constant regclass := {found};\nv_is text;\nv_wanted text;",
    )
