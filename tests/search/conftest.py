"""A crowd: workspaces of very different sizes beside each other in the same tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fixtures.databases import Database
from fixtures.shelves import Shelf, drop_vector_indexes
from fixtures.vectors import DIMENSIONS, Floats, clustered, near, projection, unit

PASSAGES = Path(__file__).parents[1] / "data" / "passages" / "passages_384.f16"
QUERIES = 12


def real_vectors() -> Floats:
    """Embeddings of real passages, brought to 768 dimensions without changing a cosine."""
    stored = np.fromfile(PASSAGES, dtype="<f2").reshape(-1, 384).astype(np.float32)
    return unit(stored @ projection(384, DIMENSIONS, seed=5))


class Crowd:
    """Workspaces of 50 to 5000 rows, and one of real passages; queries for each."""

    sizes = (50, 200, 1000, 5000)

    def __init__(self, made: Database) -> None:
        self.database = made
        rng = np.random.default_rng(3)
        vectors = clustered(rng, sum(self.sizes))
        parts = np.split(vectors, np.cumsum(self.sizes)[:-1])
        real = real_vectors()
        self.shelves = {
            str(size): Shelf(f"of {size}", part)
            for size, part in zip(self.sizes, parts, strict=True)
        }
        self.queries = {
            name: near(rng, shelf.vectors[rng.integers(len(shelf.vectors), size=QUERIES)])
            for name, shelf in self.shelves.items()
        }
        self.shelves["real"] = Shelf("of real passages", real[QUERIES:])
        self.queries["real"] = real[:QUERIES]

    def create(self) -> None:
        with self.database.owner() as connection:
            indexes = drop_vector_indexes(connection)
            for shelf in self.shelves.values():
                shelf.open(connection)
                shelf.fill(connection)
            for definition in indexes:
                connection.exec_driver_sql(definition)
            connection.exec_driver_sql("analyze public.documents, public.document_chunks")


@pytest.fixture(scope="session")
def crowds(
    clone: Callable[[int, str], Database], head_template: Callable[[int], str]
) -> Callable[[int], Crowd]:
    """A crowd on each major version; for reading."""
    made: dict[int, Crowd] = {}

    def of(major: int) -> Crowd:
        if major not in made:
            made[major] = Crowd(clone(major, head_template(major)))
            made[major].create()
        return made[major]

    return of


@pytest.fixture
def crowd(crowds: Callable[[int], Crowd], major: int) -> Crowd:
    return crowds(major)
