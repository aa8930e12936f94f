"""Connections whose changes are rolled back, and worlds on each major version."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.engine import Connection

from fixtures.calls import Worlds
from fixtures.clusters import SUPERUSER
from fixtures.databases import Database


@pytest.fixture(scope="session")
def worlds(
    clone: Callable[[int, str], Database],
    world_template: Callable[[int], str],
    shared_world: Database,
) -> Worlds:
    """A shared world of a major version; for reading, or for changes that are rolled back."""
    made = {shared_world.major: shared_world}

    def of(major: int = shared_world.major) -> Database:
        if major not in made:
            made[major] = clone(major, world_template(major))
        return made[major]

    return of


@pytest.fixture
def owner(shared_world: Database) -> Iterator[Connection]:
    """A transaction of the owner of the tables in the shared world; rolled back."""
    with shared_world.engine().connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


@pytest.fixture
def superuser(shared_world: Database) -> Iterator[Connection]:
    """A transaction of the superuser in the shared world; rolled back."""
    engine = shared_world.engine(SUPERUSER)
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()
