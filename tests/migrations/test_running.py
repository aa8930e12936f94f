"""One upgrade runs at a time, waits are short, and failures say what to do."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.util import CommandError
from sqlalchemy import event

from fixtures.databases import Database
from mivaa_schema.migrations import UPGRADE_LOCK, recorded_revisions


def tracked(database: Database) -> dict[str, tuple[str, str | None]]:
    with database.owner() as connection:
        rows = connection.execute(
            sa.text("select phase, status, error_message from public.migration_tracking")
        )
        return {phase: (status, message) for phase, status, message in rows}


@pytest.mark.parametrize("number", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_upgrades_at_once_take_turns_and_find_nothing_to_do(
    platform_database: Database, number: int
) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "alembic", "-x", f"url={platform_database.url()}"]
    upgrades = [
        subprocess.Popen([*command, "upgrade", "head"], cwd=root, stderr=subprocess.PIPE, text=True)
        for _ in range(number)
    ]
    logs = [upgrade.communicate()[1] for upgrade in upgrades]
    assert [upgrade.returncode for upgrade in upgrades] == [0] * number, logs
    assert sum("Running upgrade" in log for log in logs) == 1


def test_a_transaction_pooler_is_refused_before_anything_is_changed(
    platform_database: Database,
) -> None:
    before = platform_database.dump()
    settings = ["-x", f"url={platform_database.url()}", "-x", "pooler=transaction"]
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *settings, "upgrade", "head"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "leads through a transaction pooler: `-x pooler=transaction`" in done.stdout
    assert platform_database.dump() == before


def test_an_upgrade_gives_up_when_another_one_does_not_end(platform_database: Database) -> None:
    before = platform_database.dump()
    with platform_database.owner() as connection:
        connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        pid = connection.exec_driver_sql("select pg_backend_pid()").scalar_one()
        with pytest.raises(CommandError, match=f"Another upgrade holds the lock .process {pid},"):
            platform_database.upgrade(upgrade_wait="0.3")
    assert platform_database.dump() == before


def test_a_revision_releases_its_locks_and_names_the_blocking_session(
    platform_database: Database,
) -> None:
    platform_database.upgrade("0005")
    before = platform_database.dump()
    user = platform_database.engine().connect()
    with user, user.begin():
        user.exec_driver_sql("select count(*) from public.documents")
        pid = user.exec_driver_sql("select pg_backend_pid()").scalar_one()
        with pytest.raises(CommandError) as caught:
            platform_database.upgrade("0006", lock_timeout="0.05", lock_retries="2")
    message = str(caught.value)
    assert "Revision 0006 could not acquire its locks in 3 attempts" in message
    assert f"process {pid} (mivaa-schema)" in message
    assert "-x lock_retries=" in message
    assert platform_database.dump() == before
    platform_database.upgrade("0006")


def test_a_revision_waits_for_users_who_finish(platform_database: Database) -> None:
    platform_database.upgrade("0005")
    user = platform_database.engine().connect()
    user.begin()
    user.exec_driver_sql("select count(*) from public.documents")
    threading.Timer(1.0, user.close).start()
    platform_database.upgrade("0006", lock_timeout="0.05", lock_retries="50")
    with platform_database.owner() as connection:
        assert recorded_revisions(connection) == ["0006"]


def test_a_failed_revision_is_rolled_back_and_recorded(platform_database: Database) -> None:
    platform_database.upgrade("0008")
    with platform_database.owner() as connection:
        # Something that nobody could have foreseen.
        connection.exec_driver_sql(
            "create function public.refuse() returns trigger language plpgsql"
            " as $$ begin raise exception 'no indexes on Sundays'; end $$"
        )
        connection.exec_driver_sql(
            "create trigger refuse before insert on public.migration_tracking for each row"
            " when (new.phase = 'performance_optimization' and new.status = 'running')"
            " execute function public.refuse()"
        )
    with pytest.raises(CommandError, match="no indexes on Sundays"):
        platform_database.upgrade("0009")
    status, message = tracked(platform_database)["performance_optimization"]
    assert status == "failed"
    assert message is not None
    assert "no indexes on Sundays" in message
    with platform_database.owner() as connection:
        assert recorded_revisions(connection) == ["0008"]
        connection.exec_driver_sql("drop function public.refuse() cascade")
    platform_database.upgrade("0009")
    assert tracked(platform_database)["performance_optimization"] == ("running", None)


def test_a_lost_connection_ends_with_what_to_do_next(platform_database: Database) -> None:
    platform_database.upgrade("0008")

    def end_it(connection: Any, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("create index concurrently"):
            pid = connection.connection.dbapi_connection.info.backend_pid
            with platform_database.superuser() as other:
                other.execute(sa.text("select pg_terminate_backend(:pid)"), {"pid": pid})

    event.listen(platform_database.engine(), "before_cursor_execute", end_it)
    with pytest.raises(CommandError, match="Revision 0009 failed and is interrupted") as caught:
        platform_database.upgrade("0009")
    event.remove(platform_database.engine(), "before_cursor_execute", end_it)
    assert "server closed the connection unexpectedly" in str(caught.value)
    assert "`alembic downgrade 0008` reverts what is there" in str(caught.value)
    assert "run the same command again: it continues where it stopped" in str(caught.value)
    platform_database.upgrade("0009")


def test_a_database_of_a_later_version_is_left_alone(head_database: Database) -> None:
    with head_database.owner() as connection:
        connection.exec_driver_sql("update mivaa.alembic_version set version_num = '9999'")
    before = head_database.dump()
    for run in (head_database.upgrade, head_database.downgrade):
        with pytest.raises(CommandError, match="is at revision `9999`"):
            run()
    assert head_database.dump() == before


def test_bad_rows_are_reported_and_do_not_stop_the_upgrade(
    platform_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    platform_database.upgrade("0003")
    with platform_database.owner() as connection:
        connection.exec_driver_sql(
            "insert into public.documents (workspace_id, status)"
            " values (gen_random_uuid(), 'lost'), (gen_random_uuid(), 'active')"
        )
    with caplog.at_level(logging.WARNING):
        platform_database.upgrade("0004")
    assert "check documents_status_check of public.documents is left off" in caplog.text
    assert "documents_workspace_id_fkey of public.documents is left NOT VALID" in caplog.text
    with platform_database.owner() as connection:
        validated = connection.exec_driver_sql(
            "select convalidated from pg_constraint where conname = 'documents_workspace_id_fkey'"
        ).scalar_one()
    assert validated is False


def test_a_mistyped_setting_ends_with_the_known_ones(platform_database: Database) -> None:
    with pytest.raises(CommandError, match="There is no setting `lock_timout`"):
        platform_database.upgrade(lock_timout="1")


def test_phases_are_recorded_as_the_chain_goes(platform_database: Database) -> None:
    platform_database.upgrade("0005")
    assert tracked(platform_database) == {
        "jwt_functions": ("completed", None),
        "schema_alignment": ("completed", None),
        "rls_policies": ("running", None),
    }
    platform_database.downgrade("0004")
    assert tracked(platform_database)["rls_policies"] == ("rolled_back", None)


def test_a_check_that_is_dropped_again_waits_no_longer_than_any_other_change(
    platform_database: Database,
) -> None:
    platform_database.upgrade("0003")
    with platform_database.owner() as connection:
        connection.exec_driver_sql(
            "insert into public.documents (workspace_id, status) values (gen_random_uuid(), 'lost')"
        )
        # As a run leaves it that was interrupted between adding the check and validating it.
        connection.exec_driver_sql(
            "alter table public.documents add constraint documents_status_check"
            " check (status in ('draft', 'active', 'published', 'archived', 'deleted')) not valid"
        )
        connection.exec_driver_sql(
            "insert into mivaa.ledger (kind, object_name)"
            " values ('constraint', 'public.documents.documents_status_check')"
        )
    user = platform_database.engine().connect()
    user.begin()
    user.exec_driver_sql("select count(*) from public.documents")
    timer = threading.Timer(8.0, user.close)
    timer.start()
    try:
        with pytest.raises(CommandError, match=r"Revision 0004 could not .* in 2 attempts"):
            platform_database.upgrade("0004", lock_timeout="0.05", lock_retries="1")
    finally:
        timer.cancel()
        user.close()
    platform_database.upgrade("0004")
    with platform_database.owner() as connection:
        left = connection.exec_driver_sql(
            "select count(*) from pg_constraint where conname = 'documents_status_check'"
        ).scalar_one()
    assert left == 0
