"""Waits are bounded by us alone, and only real blockers are named."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from alembic.util import CommandError
from sqlalchemy import event, exc

from fixtures.databases import Database
from mivaa_schema.migrations import recorded_revisions, waits

Clone = Callable[[int, str], Database]


def has_setting(database: Database, name: str) -> bool:
    with database.owner() as connection:
        sql = sa.text("select current_setting(:name, true) is not null")
        return bool(connection.execute(sql, {"name": name}).scalar())


@contextmanager
def limited(database: Database, name: str, value: str) -> Iterator[None]:
    """Set a limit for every session of a database; skip where the server does not have it."""
    if not has_setting(database, name):
        pytest.skip("this server does not have the setting")
    with database.superuser() as connection:
        connection.exec_driver_sql(f"alter database {database.name} set {name} = '{value}'")
    yield
    with database.superuser() as connection:
        connection.exec_driver_sql(f"alter database {database.name} reset {name}")


@pytest.mark.parametrize("name", ["transaction_timeout", "statement_timeout"])
def test_time_limit_of_the_database_does_not_end_an_upgrade(
    platform_database: Database, name: str
) -> None:
    platform_database.upgrade("0004")
    user = platform_database.engine().connect()
    user.exec_driver_sql("lock table public.documents in access exclusive mode")
    threading.Timer(2.0, user.close).start()
    with limited(platform_database, name, "500ms"):
        platform_database.upgrade("0006", lock_timeout="0.05", lock_retries="50")
    with platform_database.owner() as connection:
        assert recorded_revisions(connection) == ["0006"]


def test_limit_of_an_idle_session_does_not_end_an_upgrade_that_waits_for_its_turn(
    platform_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "_FIRST_PAUSE", 1.0)
    other = platform_database.engine().connect()
    other.execute(sa.text("select pg_advisory_lock(:key)"), {"key": waits.UPGRADE_LOCK})
    other.commit()
    threading.Timer(0.5, other.close).start()
    with limited(platform_database, "idle_session_timeout", "500ms"):
        platform_database.upgrade("0001")


def test_session_of_another_database_is_no_blocker(
    head_database: Database, clone: Clone, head_template: Callable[[int], str], major: int
) -> None:
    other = clone(major, head_template(major))
    with other.engine().connect() as innocent, head_database.engine().connect() as user:
        pids = [waits.backend_pid(innocent), waits.backend_pid(user)]
        assert waits.blockers(head_database.engine()) == "no session any more"
        for connection in (innocent, user):
            # A lock that is recorded in the shared table, on a relation with the same number.
            connection.exec_driver_sql("lock table public.documents in access exclusive mode")
        named = re.findall(r"process (\d+)", waits.blockers(head_database.engine()))
        assert named == [str(pids[1])]


def test_session_that_blocks_nobody_is_not_named_while_another_one_blocks(
    head_database: Database,
) -> None:
    engine = head_database.engine()
    with engine.connect() as reader, engine.connect() as blocker, engine.connect() as waiting:
        reader.exec_driver_sql("select count(*) from public.workspaces")
        blocker.exec_driver_sql("lock table public.documents in share mode")
        pids = [waits.backend_pid(connection) for connection in (reader, blocker, waiting)]
        waiting.commit()
        lock = "lock table public.documents in row exclusive mode"
        thread = threading.Thread(target=waiting.exec_driver_sql, args=(lock,))
        thread.start()
        with engine.connect() as asking:
            sql = sa.text("select wait_event_type = 'Lock' from pg_stat_activity where pid = :pid")
            while not asking.execute(sql, {"pid": pids[2]}).scalar():
                asking.rollback()
        named = re.findall(r"process (\d+)", waits.blockers(engine, pids[2]))
        blocker.rollback()
        thread.join()
    assert named == [str(pids[1])]


def test_server_that_cannot_be_asked_for_blockers_hides_no_error(
    platform_database: Database,
) -> None:
    platform_database.upgrade("0002")
    engine = platform_database.engine()

    def fail(_: object, __: object, statement: str, *___: object) -> None:
        if "pg_blocking_pids" in statement:
            raise exc.OperationalError("", {}, Exception("too many clients already"))

    event.listen(engine, "before_cursor_execute", fail)
    # 0003 begins by writing to a table, which waits without looking for blocking sessions.
    with engine.connect() as user:
        user.exec_driver_sql("lock table public.migration_tracking in exclusive mode")
        with pytest.raises(CommandError) as caught:
            platform_database.upgrade("0003", lock_timeout="0.05", lock_retries="0")
    event.remove(engine, "before_cursor_execute", fail)
    assert "could not acquire its locks in 1 attempts" in str(caught.value)
    assert "unknown, because the server could not be asked" in str(caught.value)
    assert "too many clients already" in str(caught.value)


def test_pauses_double_up_to_a_bound_with_jitter() -> None:
    for attempt, bound in enumerate((0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0)):
        values = {waits.pause(attempt) for _ in range(50)}
        assert len(values) > 1
        assert all(bound / 2 <= value <= bound for value in values)
