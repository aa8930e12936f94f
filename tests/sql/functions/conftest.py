"""Shelves of vectors for the search functions, in a database of their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fixtures.databases import Database
from fixtures.shelves import Shelf, legacy
from fixtures.vectors import clustered, near

STATUSES = ("active", "published", "draft", "archived", "deleted")


class Library:
    """Small workspaces, each in a state of its own.

    ``a`` is workspace A of the world, where there is somebody of each role, with rows of each
    document status; ``halfway`` has both embeddings on half of its rows and the legacy one on the
    others; ``without_legacy`` has on each row one or the other; ``others`` have the very vectors
    of ``a``.
    """

    def __init__(self, made: Database) -> None:
        self.database = made
        rng = np.random.default_rng(11)
        vectors = clustered(rng, 40, subjects=3, topics=2)
        self.queries = near(rng, vectors[:5])
        self.a = Shelf("A", vectors)
        self.others = Shelf("others", vectors)
        self.halfway = Shelf("halfway", vectors)
        self.without_legacy = Shelf("without legacy", vectors)
        self.moved = [row for row in range(40) if row % 2 == 0]

    def status(self, row: int) -> str:
        return STATUSES[row % len(STATUSES)]

    def create(self) -> None:
        old = list(legacy(self.a.vectors))
        half = [v if row in self.moved else None for row, v in enumerate(self.a.vectors)]
        rest = [None if row in self.moved else v for row, v in enumerate(old)]
        with self.database.owner() as connection:
            for shelf in (self.others, self.halfway, self.without_legacy):
                shelf.open(connection)
            self.a.fill(connection, statuses=[self.status(row) for row in range(40)])
            self.others.fill(connection, models=["model-a"] * 20 + [None] * 20)
            self.halfway.fill(connection, new=half, old=old)
            self.without_legacy.fill(connection, new=half, old=rest)


Libraries = Callable[[int], Library]


@pytest.fixture(scope="session")
def libraries(
    clone: Callable[[int, str], Database], world_template: Callable[[int], str]
) -> Libraries:
    """A library on each major version; for reading, or for changes that are rolled back."""
    made: dict[int, Library] = {}

    def of(major: int) -> Library:
        if major not in made:
            made[major] = Library(clone(major, world_template(major)))
            made[major].create()
        return made[major]

    return of


@pytest.fixture
def library(libraries: Libraries, major: int) -> Library:
    return libraries(major)
