"""Guarded engines of each driver, with one connection, logged in as a role that sees all rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from fixtures.databases import OWNER, Database
from fixtures.identities import HOSTILE, POOL_OF_ONE, SYNC, Engines, address
from mivaa_schema.identity import guard


@pytest.fixture
def engines(shared_world: Database) -> Iterator[Engines]:
    """Make an engine with a pool of one, guarded unless told otherwise."""
    made: list[Engine] = []

    def new(
        driver: str = "psycopg2",
        *,
        database: Database = shared_world,
        user: str = OWNER,
        guarded: bool = True,
        **options: Any,
    ) -> Engine:
        pool = {} if "poolclass" in options else POOL_OF_ONE
        engine = sa.create_engine(address(database, driver, user), **{**pool, **options})
        made.append(engine)
        return guard(engine) if guarded else engine

    yield new
    for engine in made:
        engine.dispose()


@pytest.fixture(params=SYNC)
def engine(request: pytest.FixtureRequest, engines: Engines) -> Engine:
    """A guarded engine of each synchronous driver."""
    return engines(request.param)


@pytest.fixture
def hostile_world(shared_world: Database) -> Iterator[Database]:
    """The shared world with a schema of an attacker's, for the time of a test."""
    with shared_world.superuser() as connection:
        connection.exec_driver_sql(HOSTILE)
    yield shared_world
    with shared_world.superuser() as connection:
        connection.exec_driver_sql("drop schema evil cascade")
