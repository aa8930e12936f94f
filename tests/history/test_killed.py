"""Killed anywhere, the same command continues and ends in the same schema, with every row."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess

import pytest
import sqlalchemy as sa
from alembic.util import CommandError
from history.test_round_trips import assert_same
from sqlalchemy import exc

from fixtures import killing
from fixtures.clusters import NEWEST, Servers, both_majors
from fixtures.databases import Database, Templates
from fixtures.existing_platform import checksums, columns_of
from fixtures.killing import Direction

Existing = Callable[[int], str]
Clone = Callable[[int, str], Database]
Columns = dict[str, list[str]]


@pytest.fixture(scope="session")
def existing_head_template(templates: Templates, existing_template: Existing) -> Existing:
    """The full platform after ``alembic upgrade head``."""
    return lambda major: templates(
        major, "existing_head", Database.upgrade, existing_template(major)
    )


@pytest.fixture(scope="session")
def length(clone: Clone, existing_template: Existing, existing_head_template: Existing) -> dict[
    Direction, int
]:  # fmt: skip
    """How many points the way up and the way down have."""
    return {
        "upgrade": killing.points(clone(NEWEST, existing_template(NEWEST)), "upgrade", "head"),
        "downgrade": killing.points(
            clone(NEWEST, existing_head_template(NEWEST)), "downgrade", "base"
        ),
    }


def invalid_indexes(database: Database) -> list[str]:
    with database.owner() as connection:
        return list(
            connection.execute(
                sa.text("select indexrelid::regclass::text from pg_index where not indisvalid")
            ).scalars()
        )


def wait_until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.02)


class Story:
    """A full platform on its way up or down, and how it must be in the end."""

    def __init__(self, database: Database, goal: str, columns: Columns) -> None:
        self.database = database
        self.major = database.major
        self.goal = goal
        self.columns = columns
        self.rows = checksums(database, columns)

    def must_be_there(self) -> None:
        assert_same(self.goal, self.database.dump(), "a run that was killed")
        assert checksums(self.database, self.columns) == self.rows
        assert invalid_indexes(self.database) == []


@pytest.fixture
def story(
    clone: Clone, existing_template: Existing, existing_head_template: Existing
) -> Callable[..., Story]:
    def tell(direction: Direction, major: int = NEWEST) -> Story:
        bottom = clone(major, existing_template(major))
        top = clone(major, existing_head_template(major))
        # Of the rows, only what is the platform's own has to be there at either end.
        columns = columns_of(bottom)
        if direction == "upgrade":
            return Story(bottom, top.dump(), columns)
        return Story(top, bottom.dump(), columns)

    return tell


def target(direction: Direction) -> str:
    return "head" if direction == "upgrade" else "base"


def go_on(database: Database, direction: Direction) -> None:
    (database.upgrade if direction == "upgrade" else database.downgrade)(target(direction))


def some(parts: int, *, skip: int = 0) -> list[object]:
    """Points spread over the way: few in the fast tier, many in the slow one."""
    return [
        pytest.param(n / parts, id=f"{n}-of-{parts}", marks=[pytest.mark.slow] if n % skip else [])
        for n in range(parts)
    ]


@pytest.mark.parametrize("where", some(32, skip=8))
@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_a_client_that_is_killed_loses_nothing(
    story: Callable[..., Story],
    length: dict[Direction, int],
    direction: Direction,
    where: float,
) -> None:
    told = story(direction)
    # A prime step beside the even spread meets statements of every kind.
    point = (round(where * length[direction]) + 7) % length[direction]
    process = killing.start(told.database, direction, target(direction), kill_at=point)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    go_on(told.database, direction)
    told.must_be_there()


@pytest.mark.parametrize("where", some(16, skip=8))
def test_an_upgrade_that_is_killed_can_be_reverted(
    story: Callable[..., Story],
    length: dict[Direction, int],
    where: float,
) -> None:
    told = story("upgrade")
    before = told.database.dump()
    point = (round(where * length["upgrade"]) + 11) % length["upgrade"]
    killing.start(told.database, "upgrade", "head", kill_at=point).join()
    told.database.downgrade("base")
    told.goal = before
    told.must_be_there()


BUILDS = [
    pytest.param("0004", "documents_workspace_id_id_key", marks=pytest.mark.slow),
    pytest.param("0004", "document_chunks_workspace_id_id_key", marks=pytest.mark.slow),
    pytest.param("0005", "idx_workspace_members_jwt_lookup", marks=pytest.mark.slow),
    pytest.param("0007", "idx_documents_embedding_v2_cosine"),
    pytest.param("0007", "idx_document_chunks_embedding_v2_cosine", marks=pytest.mark.slow),
    pytest.param("0009", "idx_documents_user_created", marks=pytest.mark.slow),
]


@both_majors
@pytest.mark.parametrize(("revision", "index"), BUILDS)
@pytest.mark.parametrize("way_on", ["upgrade", "downgrade"])
def test_a_client_that_is_killed_inside_a_build_leaves_an_index_that_is_rebuilt(
    story: Callable[..., Story],
    major: int,
    revision: str,
    index: str,
    way_on: Direction,
) -> None:
    told = story("upgrade", major)
    before = told.database.dump()
    told.database.upgrade(f"{int(revision) - 1:04}")
    process = killing.start(
        told.database, "upgrade", "head", stop_before=f"concurrently if not exists {index}"
    )
    with old_snapshot(told.database, process), building(told.database) as is_building:
        wait_until(lambda: is_building("waiting for old snapshots"))
        os.kill(process.pid or 0, signal.SIGKILL)
        # The server notices within a second that nobody waits for the index any more.
        wait_until(lambda: not is_building(""))
    process.join()
    assert invalid_indexes(told.database) == [index]
    go_on(told.database, way_on)
    if way_on == "downgrade":
        told.goal = before
    told.must_be_there()


@contextmanager
def old_snapshot(database: Database, stopped: BaseProcess) -> Iterator[None]:
    """Open a transaction for which the build of a process that has stopped will wait."""
    wait_until(lambda: killing.is_stopped(stopped))
    with database.engine().connect() as reader:
        reader.execution_options(isolation_level="REPEATABLE READ")
        reader.exec_driver_sql("select count(*) from public.documents")
        os.kill(stopped.pid or 0, signal.SIGCONT)
        yield


@contextmanager
def building(database: Database) -> Iterator[Callable[[str], bool]]:
    """Tell whether an index is being built, in a phase that begins so."""
    with database.engine().connect() as looking:
        looking.execution_options(isolation_level="AUTOCOMMIT")
        sql = sa.text(
            "select exists (select from pg_stat_progress_create_index"
            " where datname = current_database() and phase like :phase)"
        )
        yield lambda phase: bool(looking.execute(sql, {"phase": phase + "%"}).scalar_one())


@pytest.mark.parametrize("where", some(12, skip=12))
@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_a_server_that_is_killed_loses_nothing(
    servers: Servers,
    story: Callable[..., Story],
    length: dict[Direction, int],
    direction: Direction,
    where: float,
) -> None:
    told = story(direction)
    point = (round(where * length[direction]) + 23) % length[direction]
    kill = servers(told.major).status().pid
    process = killing.start(told.database, direction, target(direction), kill_at=point, victim=kill)
    process.join()
    # No other test of this worker runs meanwhile; what it has open is closed. It is started before
    # anything is asserted: the tests that come after need it whatever comes of this one.
    servers(told.major).start()
    # The last two points release the lock of a run that is done, and a lost session has lost it.
    is_done = point >= length[direction] - 2
    assert process.exitcode == (0 if is_done else 1)
    go_on(told.database, direction)
    told.must_be_there()


def test_a_server_that_is_killed_inside_a_build_leaves_an_index_that_is_rebuilt(
    servers: Servers, story: Callable[..., Story]
) -> None:
    told = story("upgrade")
    told.database.upgrade("0006")
    index = "idx_documents_embedding_v2_cosine"
    process = killing.start(
        told.database, "upgrade", "head", stop_before=f"concurrently if not exists {index}"
    )
    # The server takes the connections that look with it.
    with (
        suppress(exc.OperationalError),
        old_snapshot(told.database, process),
        building(told.database) as is_building,
    ):
        wait_until(lambda: is_building("waiting for old snapshots"))
        killing.kill_server(servers(told.major).status().pid or 0)
    process.join()
    servers(told.major).start()
    # This server does not wait for its disk, so it may have forgotten the last moment.
    assert set(invalid_indexes(told.database)) <= {index}
    go_on(told.database, "upgrade")
    told.must_be_there()


def test_the_holder_of_the_upgrade_lock_that_was_killed_blocks_nobody(
    story: Callable[..., Story],
) -> None:
    told = story("upgrade")
    process = killing.start(told.database, "upgrade", "head", stop_before="set lock_timeout")
    wait_until(lambda: killing.is_stopped(process))
    with pytest.raises(CommandError, match="Another upgrade holds the lock"):
        told.database.upgrade("head", upgrade_wait="0")
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    told.database.upgrade("head", upgrade_wait="30")
    told.must_be_there()
