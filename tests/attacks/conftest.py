"""The world, and a workspace elsewhere that everybody else attacks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.databases import Database
from fixtures.intruder import Neighbourhoods, run, settle

STATISTICS = (
    "public.documents",
    "public.document_chunks",
    "public.pdf_documents",
    "public.processed_documents",
)
"""Tables whose statistics a function renews if they are older than ten minutes."""


def keep_counts(made: Database) -> None:
    """Let the server count nothing in a database by itself from here on.

    Functions report what it counts on the whole platform: rows that are dead, indexes that were
    used. What it counts of one session shows a while later in the next; an attack that is answered
    twice must not be answered otherwise for that.
    """
    with made.superuser() as connection:
        run(connection, f"alter database {made.name} set track_counts = off")
        for table in STATISTICS:
            run(connection, f"alter table {table} set (autovacuum_enabled = false)")


def renew_statistics(made: Database) -> None:
    """Renew what no call renews for ten minutes from here on."""
    with made.superuser() as connection:
        run(connection, "set local track_counts = on")
        run(connection, f"analyze {', '.join(STATISTICS)}")


@pytest.fixture(scope="session")
def neighbourhoods(
    clone: Callable[[int, str], Database], world_template: Callable[[int], str]
) -> Neighbourhoods:
    """One database on each major version, for attacks that are rolled back."""
    made: dict[int, Database] = {}

    def of(major: int) -> Database:
        if major not in made:
            made[major] = clone(major, world_template(major))
            settle(made[major])
            keep_counts(made[major])
        return made[major]

    return of


@pytest.fixture
def attacked(neighbourhoods: Neighbourhoods, major: int) -> Database:
    """The database under attack, with statistics that stay as they are during a test."""
    made = neighbourhoods(major)
    renew_statistics(made)
    return made
