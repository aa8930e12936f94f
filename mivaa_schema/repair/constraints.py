"""Keys and checks that the upgrade left off, or NOT VALID, because rows did not meet them."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from mivaa_schema.migrations import alembic_config
from mivaa_schema.operations import (
    Check,
    ForeignKey,
    adopt_check,
    adopt_foreign_key,
    adopt_not_null,
    validate,
)
from mivaa_schema.operations.ledger import recorded
from mivaa_schema.operations.sql import columns_of_key, has_constraint, literal, text_array
from mivaa_schema.repair.base import Finding, Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection

    from mivaa_schema.repair.session import Session

_NOT_NULL = " is not null"


class Constraints:
    """Adds and validates them as the chain would, so that a downgrade drops them."""

    name = "constraints"
    what = "adds and validates the keys and checks that the upgrade could not, once rows meet them"
    takes: frozenset[str] = frozenset()
    workspace_exists = True

    def check(self, options: Options) -> None:
        """Nothing that could not be meant."""

    def survey(self, connection: Connection, options: Options) -> list[Finding]:
        """What is missing or NOT VALID, and how many rows stand in its way."""
        return [
            Finding(
                f"constraint {constraint.name} of {constraint.table}",
                1,
                f"{rows} row(s) do not meet it" if rows else None,
            )
            for constraint in _open(connection)
            for rows in [_violations(connection, constraint)]
        ]

    def mend(self, work: Session, options: Options) -> None:
        """Add and validate those that every row meets; each is committed by itself."""
        for constraint in _open(work.connection):
            if not _violations(work.connection, constraint):
                work.connection.rollback()
                # Each is a transaction of its own: the scan holds no strong lock.
                work.patiently(partial(_run, work, _adopt, constraint))
                work.patiently(partial(_run, work, validate, constraint))


def _run(
    work: Session, operation: Callable[[ForeignKey | Check], None], constraint: ForeignKey | Check
) -> None:
    """Run an operation of the revisions outside of them."""
    context = MigrationContext.configure(
        connection=work.connection, opts={"mivaa_timeouts": work.waiting}
    )
    with Operations.context(context):
        operation(constraint)


def _adopt(constraint: ForeignKey | Check) -> None:
    if isinstance(constraint, ForeignKey):
        adopt_foreign_key(constraint)
    elif column := _column_not_null(constraint):
        adopt_not_null(constraint, column)
    else:
        adopt_check(constraint)


@cache
def _defined() -> tuple[ForeignKey | Check, ...]:
    """Every key and check of the chain, in the order in which its revisions make them.

    They stand in the revisions, and nowhere else.
    """
    revisions = reversed(list(ScriptDirectory.from_config(alembic_config()).walk_revisions()))
    return tuple(
        dict.fromkeys(
            found for one in revisions for found in _within(tuple(vars(one.module).values()))
        )
    )


def _within(values: tuple[object, ...]) -> Iterator[ForeignKey | Check]:
    for value in values:
        if isinstance(value, ForeignKey | Check):
            yield value
        elif isinstance(value, tuple):
            yield from _within(value)


def _open(connection: Connection) -> list[ForeignKey | Check]:
    """Those that the chain would add or validate on this database."""
    return [c for c in _defined() if _ask(connection, f"({_is_lacking(c)}) or ({_is_unproven(c)})")]


def _is_lacking(constraint: ForeignKey | Check) -> str:
    """A condition: nothing bears the name, and nothing of the platform's does the same."""
    lacking = "not " + has_constraint(constraint.table, constraint.name)
    if isinstance(constraint, ForeignKey):
        return (
            f"{lacking} and not exists (select from pg_catalog.pg_constraint c"
            f" where c.contype = 'f' and c.conrelid = {literal(constraint.table)}::regclass"
            f" and c.confrelid = {literal(constraint.references)}::regclass"
            f" and {columns_of_key('c.conkey', 'c.conrelid')} = {text_array(constraint.columns)})"
        )
    if column := _column_not_null(constraint):
        return (
            f"{lacking} and exists (select from pg_catalog.pg_attribute a"
            f" where a.attrelid = {literal(constraint.table)}::regclass"
            f" and a.attname = {literal(column)} and not a.attnotnull)"
        )
    return lacking


def _is_unproven(constraint: ForeignKey | Check) -> str:
    """A condition: the chain added it, and it is NOT VALID."""
    return (
        f"{recorded('constraint', constraint.object_name)}"
        " and exists (select from pg_catalog.pg_constraint c"
        f" where c.conrelid = {literal(constraint.table)}::regclass"
        f" and c.conname = {literal(constraint.name)} and not c.convalidated)"
    )


def _violations(connection: Connection, constraint: ForeignKey | Check) -> int:
    if isinstance(constraint, Check):
        faulty = f"not ({constraint.condition})"
    else:
        pairs = zip(constraint.columns, constraint.referenced_columns, strict=True)
        matches = " and ".join(f"r.{theirs} = t.{ours}" for ours, theirs in pairs)
        complete = " and ".join(f"t.{column} is not null" for column in constraint.columns)
        faulty = (
            f"{complete} and not exists (select from {constraint.references} r where {matches})"
        )
    count = connection.execute(text(f"select count(*) from {constraint.table} t where {faulty}"))
    return int(count.scalar_one())


def _column_not_null(check: Check) -> str | None:
    """The column of a check that says no more than that it is not null."""
    column, mark, rest = check.condition.partition(_NOT_NULL)
    return column if mark and not rest and column.isidentifier() else None


def _ask(connection: Connection, condition: str) -> bool:
    return bool(connection.execute(text(f"select {condition}")).scalar_one())


REPAIR = Constraints()
