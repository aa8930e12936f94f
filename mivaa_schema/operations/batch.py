"""Sending the statements of a revision: in its transaction, together, or each by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from alembic import op
from sqlalchemy.engine import CursorResult

from mivaa_schema.operations.sql import forget, literal, qualified, record

SchemaObject = dict[str, Any]
"""An object of the schema as a manifest holds it: ``kind``, ``name``, mostly ``table``, more."""

Mode = Literal["share update exclusive", "share row exclusive", "access exclusive"]
"""Which users a lock stops: none of them, those who write, everybody."""

REVISION = "revision"
"""Kind of the ledger's entry that says that a revision is in progress."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What an operation of a revision sends, and what it does to the schema.

    Attributes:
        statements: Sent exactly as they stand, online; printed exactly so, offline.
        creates: What the schema has afterwards; the manifest of the revision lists it.
        drops: What the schema no longer has.
        cleanup: Queries that are asked online only; each row that they return is a statement, which
            is executed before the others.
    """

    statements: tuple[str, ...]
    creates: tuple[SchemaObject, ...] = ()
    drops: tuple[SchemaObject, ...] = ()
    cleanup: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Waiting times in seconds.

    Attributes:
        lock: For a lock that stops users while it is waited for. Short: a queue forms behind it.
        build: For the older snapshots that a concurrent build or a validation waits for. They stop
            nobody, so it may be long.
    """

    lock: float = 0.1
    build: float = 14_400.0


def timeouts() -> Timeouts:
    """The waiting times of this run, as env.py has configured them."""
    configured = op.get_context().opts.get("mivaa_timeouts")
    return configured if isinstance(configured, Timeouts) else Timeouts()


def milliseconds(seconds: float) -> str:
    """A waiting time as PostgreSQL reads it."""
    return f"{round(seconds * 1000)}ms"


def set_lock_timeout(seconds: float) -> str:
    """The statement that bounds every wait for a lock in this session."""
    return f"set lock_timeout = '{milliseconds(seconds)}'"


def patiently(*statements: str) -> tuple[str, ...]:
    """Let statements that stop nobody while they wait do so for as long as a build may.

    CREATE INDEX CONCURRENTLY waits for every older snapshot. Under the short timeout it could
    fail each time, and leave an INVALID index each time.
    """
    waiting = timeouts()
    return (set_lock_timeout(waiting.build), *statements, set_lock_timeout(waiting.lock))


def lock(*tables: str, mode: Mode = "access exclusive") -> str:
    """The call of ``mivaa.lock_tables``, for a block that decides by itself whether to lock."""
    return f"mivaa.lock_tables({', '.join(map(literal, (mode, *map(qualified, tables))))})"


def run(*operations: Operation | str) -> None:
    """Send statements exactly as they stand; offline, print them exactly so.

    Alembic's own ``op.execute`` reads colons as bind parameters and percent signs as formats, and
    does so differently online and offline. What a database administrator reads in the offline
    script must be what the online run sends, to the letter.
    """
    for operation in map(_as_operation, operations):
        for query in operation.cleanup:
            _clean_up(query)
        _send(*operation.statements)
        _declare(operation)


def _as_operation(operation: Operation | str) -> Operation:
    return Operation((operation,)) if isinstance(operation, str) else operation


class Batch:
    """Operations that are sent together, as one message to the server."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def run(self, *operations: Operation | str) -> None:
        """Add operations to the message."""
        self.operations += map(_as_operation, operations)


@contextmanager
def one_message() -> Iterator[Batch]:
    """Collect what the block adds to the batch and send it as a whole; offline, print it.

    A message of several statements is one transaction even where none is open.
    """
    batch = Batch()
    yield batch
    statements = [sent for operation in batch.operations for sent in operation.statements]
    if not op.get_context().as_sql:
        _send(";\n".join(statements))
    elif op.get_context().opts.get(_COMMITS_ALONE):
        _send("begin", *statements, "commit")
    else:
        _send(*statements)
    for operation in batch.operations:
        _declare(operation)


@contextmanager
def locked(*tables: str, mode: Mode = "access exclusive") -> Iterator[Batch]:
    """Change tables under strong locks, in one message to the server.

    What is added to the batch is sent as a whole behind the locks, so that the network's delay is
    not paid for while users wait. Parents come before children, in the order in which users' own
    statements lock them.

    Args:
        tables: Qualified names; one that is not there is passed over.
        mode: ``share row exclusive`` stops writers, ``access exclusive`` everybody.
    """
    with one_message() as batch:
        batch.run(f"select {lock(*tables, mode=mode)}")
        yield batch


@contextmanager
def resumable(revision: str) -> Iterator[None]:
    """Leave the transaction of a revision: each statement, and each message, commits by itself.

    A concurrent index needs that, and so does a change that must hold no lock while the next one
    waits for its own. What is run before the block is committed when it begins. A run that is
    interrupted in it finds the revision unrecorded and runs it again, so everything before and in
    the block must be safe to run twice. The ledger knows that the revision is in progress until
    the transaction that ends it, upwards or downwards.
    """
    options = op.get_context().opts
    run(record(REVISION, revision).rstrip(";"))
    options[_COMMITS_ALONE] = True
    try:
        with op.get_context().autocommit_block():
            yield
    finally:
        del options[_COMMITS_ALONE]
    run(forget(REVISION, revision).rstrip(";"))


def analyze(*tables: str) -> Operation:
    """Let the planner see the tables as they are; only inside of :func:`resumable`.

    It stops nobody, so it may wait until autovacuum has released the table.
    """
    return Operation(patiently(*(f"analyze {qualified(table)}" for table in tables)))


_COMMITS_ALONE = "mivaa_commits_alone"


def _send(*statements: str) -> None:
    context = op.get_context()
    for statement in statements:
        if context.as_sql:
            context.impl.static_output(statement + context.impl.command_terminator)
        else:
            _execute(statement)


def _execute(statement: str) -> CursorResult[Any]:
    connection = op.get_context().connection
    assert connection is not None  # noqa: S101 - Alembic's own invariant online
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _clean_up(query: str) -> None:
    if not op.get_context().as_sql:
        for statement in list(_execute(query).scalars()):
            _send(*patiently(statement))


def _declare(operation: Operation) -> None:
    """Tell whoever writes the manifest of a revision what the operation does."""
    manifest = op.get_context().opts.get("mivaa_manifest")
    if manifest is not None:
        manifest.append(operation)
