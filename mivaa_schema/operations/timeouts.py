"""How long a statement of the chain may wait, and for what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from alembic import op

from mivaa_schema.operations.sql import run


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


def current() -> Timeouts:
    """The waiting times of this run, as env.py has configured them."""
    configured = op.get_context().opts.get("mivaa_timeouts")
    return configured if isinstance(configured, Timeouts) else Timeouts()


def milliseconds(seconds: float) -> str:
    """A waiting time as PostgreSQL reads it."""
    return f"{round(seconds * 1000)}ms"


def set_lock_timeout(seconds: float) -> str:
    """The statement that bounds every wait for a lock in this session."""
    return f"set lock_timeout = '{milliseconds(seconds)}'"


@contextmanager
def patient() -> Iterator[None]:
    """Wait as long as a build may, for statements that stop nobody while they wait.

    CREATE INDEX CONCURRENTLY waits for every older snapshot. Under the short timeout it could
    fail each time, and leave an INVALID index each time.
    """
    timeouts = current()
    run(set_lock_timeout(timeouts.build))
    try:
        yield
    finally:
        run(set_lock_timeout(timeouts.lock))
