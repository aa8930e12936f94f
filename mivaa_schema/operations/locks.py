"""Strong locks: taken together, waited for briefly, held for one message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from mivaa_schema.operations.sql import in_one_message, literal, run

Mode = Literal["share update exclusive", "share row exclusive", "access exclusive"]
"""Which users a lock stops: none of them, those who write, everybody."""


@contextmanager
def locked(*tables: str, mode: Mode = "access exclusive") -> Iterator[None]:
    """Change tables under strong locks, in one message to the server.

    What is sent inside of the block is collected and sent as a whole behind the locks, so that
    the way to the server and back is not paid for while users wait. Parents come before children,
    in the order in which users' own statements lock them.

    Args:
        tables: Qualified names; one that is not there is passed over.
        mode: ``share row exclusive`` stops writers, ``access exclusive`` everybody.
    """
    with in_one_message():
        run(f"select {locking(*tables, mode=mode)}")
        yield


def locking(*tables: str, mode: Mode = "access exclusive") -> str:
    """The call of ``mivaa.lock_tables``, for a block that decides by itself whether to lock."""
    return f"mivaa.lock_tables({', '.join(literal(text) for text in (mode, *tables))})"
