"""Statements that commit one by one, in a revision that can be cut off among them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mivaa_schema.operations.ledger import forget, record
from mivaa_schema.operations.sql import committing_alone, run

REVISION = "revision"
"""Kind of the ledger's entry that says that a revision is begun and not recorded yet."""


@contextmanager
def resumable(revision: str) -> Iterator[None]:
    """Leave the transaction of a revision: each statement, and each message, commits by itself.

    A concurrent index needs that, and so does a change that shall hold no lock while the next one
    waits for its own. What is run before the block is committed when it begins. A run that is cut
    off in it finds the revision unrecorded and begins it again, so everything before and in the
    block has to stand being run twice. The ledger knows that the revision is begun: a downgrade
    then takes it back first.
    """
    run(record(REVISION, revision).rstrip(";"))
    with committing_alone():
        yield
    run(forget(REVISION, revision).rstrip(";"))
