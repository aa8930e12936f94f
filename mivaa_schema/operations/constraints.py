"""Constraints that arrive NOT VALID and are validated later: no scan holds a strong lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mivaa_schema.operations.ledger import forget, record, recorded, undo
from mivaa_schema.operations.locks import locking
from mivaa_schema.operations.sql import (
    block,
    columns_of_key,
    has_constraint,
    literal,
    run,
    text_array,
    when,
)
from mivaa_schema.operations.timeouts import current, milliseconds, patient

_REMEDY = literal(
    "Mend the rows that mivaa-schema repair lists, then: mivaa-schema repair constraints --apply"
)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key between qualified tables; ``actions`` holds ON DELETE and what follows."""

    name: str
    table: str
    columns: Sequence[str]
    references: str
    referenced_columns: Sequence[str]
    actions: str

    @property
    def object_name(self) -> str:
        """Name under which the ledger knows it."""
        return f"{self.table}.{self.name}"


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a qualified table; ``condition`` is SQL over its columns."""

    name: str
    table: str
    condition: str

    @property
    def object_name(self) -> str:
        """Name under which the ledger knows it."""
        return f"{self.table}.{self.name}"


def adopt_foreign_key(key: ForeignKey) -> None:
    """Add a foreign key NOT VALID, unless one over the same columns to the same table is there.

    An existing key stays even where its ON DELETE is another: it is the platform's decision, and
    preflight reports it. So does one that bears the name and leads to a table of the platform's.
    """
    same = (
        "exists (select from pg_catalog.pg_constraint c where c.contype = 'f'"
        f" and c.conrelid = {literal(key.table)}::regclass"
        f" and c.confrelid = {literal(key.references)}::regclass"
        f" and {columns_of_key('c.conkey', 'c.conrelid')} = {text_array(key.columns)})"
    )
    # The table that is referred to may be the platform's, which is not ours to lock: the key itself
    # does, within what is left of the time.
    ours = [t for t in (key.references, key.table) if not t.startswith("auth.")]
    add = (
        f"perform {locking(*ours, mode='share row exclusive')};\n"
        f"alter table {key.table} add constraint {key.name}"
        f" foreign key ({', '.join(key.columns)})"
        f" references {key.references} ({', '.join(key.referenced_columns)})"
        f" {key.actions} not valid;\n" + record("constraint", key.object_name)
    )
    taken = has_constraint(key.table, key.name)
    run(block(when(f"not {same}\n  and not {taken}", add)))


def adopt_check(check: Check) -> None:
    """Add a check NOT VALID where every row meets it; elsewhere leave it off and say so.

    A check that an old row fails would refuse every later update of that row, whatever it sets.
    """
    run(block(_add_check(check)))


def _add_check(check: Check) -> str:
    add = (
        f"perform {locking(check.table)};\n"
        f"alter table {check.table} add constraint {check.name}"
        f" check ({check.condition}) not valid;\n" + record("constraint", check.object_name)
    )
    left_off = (
        f"raise warning 'check {check.name} of {check.table} is left off: a row does not meet it'\n"
        f"  using hint = {_REMEDY};"
    )
    fails = f"exists (select from {check.table} where not ({check.condition}))"
    return when("not " + has_constraint(check.table, check.name), when(fails, left_off, add))


def adopt_not_null(check: Check, column: str) -> None:
    """Add the check that a column is not null, unless the column says so itself."""
    nullable = (
        "exists (select from pg_catalog.pg_attribute"
        f" where attrelid = {literal(check.table)}::regclass"
        f" and attname = {literal(column)} and not attnotnull)"
    )
    run(block(when(nullable, _add_check(check))))


def validate(constraint: ForeignKey | Check) -> None:
    """Validate a constraint that the chain added; must stand in an autocommit block.

    Rows that do not meet it block nothing: a foreign key stays NOT VALID, since old rows can be
    updated under it, and a check is dropped again.
    """
    name, table = constraint.name, constraint.table
    if isinstance(constraint, Check):
        violation, outcome = "check_violation", "dropped again"
        # The scan may be waited for at length; a drop stops everybody while it waits.
        undo = (
            f"perform set_config('lock_timeout', '{milliseconds(current().lock)}', true);\n"
            f"perform {locking(table)};\n"
            f"alter table {table} drop constraint {name};\n"
        ) + forget("constraint", constraint.object_name)
    else:
        violation, outcome, undo = "foreign_key_violation", "left NOT VALID", ""
    attempt = f"""\
begin
  alter table {table} validate constraint {name};
exception when {violation} then
  raise warning 'constraint {name} of {table} is {outcome}: a row does not meet it'
    using detail = sqlerrm, hint = {_REMEDY};
  {undo}
end;"""
    pending = (
        "exists (select from pg_catalog.pg_constraint"
        f" where conrelid = {literal(table)}::regclass and conname = {literal(name)}"
        " and not convalidated)"
    )
    with patient():
        run(block(when(f"{recorded('constraint', constraint.object_name)} and {pending}", attempt)))


def release_constraint(constraint: ForeignKey | Check) -> None:
    """Drop a constraint that the chain added."""
    drop = f"alter table {constraint.table} drop constraint if exists {constraint.name};"
    run(block(undo("constraint", constraint.object_name, drop)))
