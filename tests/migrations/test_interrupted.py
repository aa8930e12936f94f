"""A revision counts as done only in the transaction that ends it, upwards and downwards."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from alembic import command
from alembic.util import CommandError
from history.test_offline import psql, script, tolerant_psql
from history.test_round_trips import assert_same
from sqlalchemy import exc

from fixtures import killing
from fixtures.databases import Database
from fixtures.killing import Direction
from mivaa_schema.migrations import interrupted_revision, recorded_revisions

Clone = Callable[[int, str], Database]

STOPS = [
    pytest.param("0005", "idx_pdf_documents_user_id"),
    pytest.param("0004", "pdf_documents_workspace_id_id_key", marks=pytest.mark.slow),
    pytest.param("0007", "idx_document_chunks_embedding_v2_cosine"),
    pytest.param("0009", "idx_documents_user_created", marks=pytest.mark.slow),
]


def kill_inside(database: Database, revision: str, index: str) -> None:
    """Leave a database as a client leaves it that is killed before it builds an index."""
    database.upgrade(f"{int(revision) - 1:04}")
    words = f"concurrently if not exists {index}"
    process = killing.start(database, "upgrade", "head", stop_before=words)
    deadline = time.monotonic() + 60
    while not killing.is_stopped(process):
        assert process.is_alive(), "it ended before that statement"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    with database.owner() as connection:
        assert interrupted_revision(connection) == revision


@contextmanager
def in_use(database: Database) -> Iterator[None]:
    """Read every table of the documents in a transaction that stays open."""
    with database.engine().connect() as user:
        for table in ("workspaces", "documents", "document_chunks", "pdf_documents"):
            user.exec_driver_sql(f"select count(*) from public.{table}")
        yield


@pytest.fixture
def head_dump(clone: Clone, head_template: Callable[[int], str], major: int) -> str:
    return clone(major, head_template(major)).dump()


@pytest.mark.parametrize(("revision", "index"), STOPS)
@pytest.mark.parametrize("then", ["upgrade", "downgrade"])
def test_downgrade_that_cannot_lock_leaves_an_interrupted_revision_interrupted(
    platform_database: Database, head_dump: str, revision: str, index: str, then: Direction
) -> None:
    before = platform_database.dump()
    kill_inside(platform_database, revision, index)
    with (
        in_use(platform_database),
        pytest.raises(CommandError, match=rf"Revision {revision} could not acquire .* interrupted"),
    ):
        platform_database.downgrade("0001", lock_timeout="0.05", lock_retries="0")
    with platform_database.owner() as connection:
        assert interrupted_revision(connection) == revision
    if then == "upgrade":
        platform_database.upgrade()
        assert_same(head_dump, platform_database.dump(), "an upgrade after a failed downgrade")
    else:
        platform_database.downgrade()
        assert_same(before, platform_database.dump(), "a downgrade after a failed one")


@pytest.mark.parametrize("then", ["upgrade", "downgrade"])
@pytest.mark.parametrize(
    "point", [34, 38, *(pytest.param(n, marks=pytest.mark.slow) for n in (10, 18, 26, 36, 40, 44))]
)
def test_downgrade_of_an_interrupted_revision_can_be_killed_anywhere(
    platform_database: Database, head_dump: str, point: int, then: Direction
) -> None:
    before = platform_database.dump()
    kill_inside(platform_database, "0005", "idx_pdf_documents_user_id")
    process = killing.start(platform_database, "downgrade", "0004", kill_at=point)
    process.join()
    if then == "upgrade":
        platform_database.upgrade()
        assert_same(head_dump, platform_database.dump(), "an upgrade after a killed downgrade")
    else:
        platform_database.downgrade()
        assert_same(before, platform_database.dump(), "a downgrade after a killed one")


def test_interruption_ends_with_the_downgrade_of_its_revision(platform_database: Database) -> None:
    kill_inside(platform_database, "0005", "idx_pdf_documents_user_id")
    platform_database.downgrade("-1")
    with platform_database.owner() as connection:
        assert interrupted_revision(connection) is None
        assert recorded_revisions(connection) == ["0004"]


def test_rollback_of_a_phase_is_refused_while_a_revision_is_interrupted(
    platform_database: Database,
) -> None:
    kill_inside(platform_database, "0007", "idx_document_chunks_embedding_v2_cosine")
    with platform_database.superuser() as connection:
        # As a failure that was recorded leaves it: the phase is not seen as one in progress.
        connection.exec_driver_sql(
            "update public.migration_tracking set status = 'failed' where status = 'running'"
        )
    call = "select * from public.rollback_migration_phase('mivaa_integration', 'rls_policies')"
    with (
        platform_database.engine().connect() as connection,
        pytest.raises(exc.DBAPIError, match="revision 0007 is interrupted"),
    ):
        connection.exec_driver_sql(call)


def test_comparison_is_refused_while_a_revision_is_interrupted(
    platform_database: Database,
) -> None:
    kill_inside(platform_database, "0005", "idx_pdf_documents_user_id")
    for run in (command.check, partial(command.revision, message="x", autogenerate=True)):
        with pytest.raises(CommandError, match=r"0005 is interrupted.*`alembic downgrade 0004`"):
            run(platform_database.config())


def test_current_names_what_is_interrupted(
    platform_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    kill_inside(platform_database, "0005", "idx_pdf_documents_user_id")
    with caplog.at_level(logging.WARNING, logger="alembic.runtime.migration"):
        command.current(platform_database.config())
    assert "Revision 0005 is interrupted" in caplog.text
    assert "`alembic upgrade 0005`" in caplog.text


def test_offline_downgrade_stops_at_an_interrupted_revision(platform_database: Database) -> None:
    kill_inside(platform_database, "0005", "idx_pdf_documents_user_id")
    before = platform_database.dump()
    text = script(platform_database, command.downgrade, "0004:0003")
    done = tolerant_psql(platform_database, text)
    assert done.returncode == 3
    assert "revision 0005 is interrupted" in done.stderr
    assert platform_database.dump() == before


def test_offline_upgrade_completes_the_interrupted_revision(
    platform_database: Database, head_dump: str
) -> None:
    kill_inside(platform_database, "0005", "idx_pdf_documents_user_id")
    psql(platform_database, script(platform_database, command.upgrade, "0004:head"))
    assert_same(head_dump, platform_database.dump(), "a script after a killed upgrade")
    with platform_database.owner() as connection:
        assert interrupted_revision(connection) is None
