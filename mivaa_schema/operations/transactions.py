"""Statements that commit one by one, in a revision that can be interrupted among them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mivaa_schema.operations.ledger import forget, record
from mivaa_schema.operations.sql import committing_alone, run

REVISION = "revision"
"""Kind of the ledger's entry that marks an interrupted revision; its name is the revision."""


@contextmanager
def resumable(revision: str) -> Iterator[None]:
    """Leave the transaction of a revision: each statement, and each message, commits by itself.

    A concurrent index needs that, and so does a change that shall hold no lock while the next one
    waits for its own. What is run before the block is committed when it begins, and with it a mark
    on the ledger. A run that is interrupted in the block finds the mark, and runs the revision
    again; so everything before and in the block has to stand being run twice. The mark goes in the
    transaction that records the revision, or in the one that ends its downgrade.
    """
    run(record(REVISION, revision).rstrip(";"))
    with committing_alone():
        yield
    run(forget(REVISION, revision).rstrip(";"))
