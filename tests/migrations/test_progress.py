"""Whoever runs a long upgrade sees how far it is and whom it waits for."""

from __future__ import annotations

import io
import logging
import threading

import pytest

from fixtures.databases import Database
from mivaa_schema.migrations import waits
from mivaa_schema.migrations.waits import Display, backend_pid, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "POLL_INTERVAL", 0.05)


def seen(phase: str = "building index: scanning table", **fields: object) -> dict[str, object]:
    look = {"index": "idx", "phase": phase, "total": 200, "done": 50, "unit": " pages"}
    return {**look, **fields}


def test_a_terminal_shows_a_progress_bar_and_removes_it() -> None:
    terminal = Terminal()
    display = Display(terminal)
    display.show(seen(done=50))
    display.show(seen(done=150))
    shown_so_far = terminal.getvalue()
    assert "idx: building index: scanning table" in shown_so_far
    assert "50/200" in shown_so_far
    display.show({})
    assert terminal.getvalue().endswith("\r")


def test_each_phase_has_a_bar_of_its_own() -> None:
    terminal = Terminal()
    display = Display(terminal)
    display.show(seen())
    display.show(seen("building index: loading tuples", total=9, done=4, unit=" rows"))
    display.close()
    assert "idx: building index: loading tuples" in terminal.getvalue()
    assert "4/9" in terminal.getvalue()


def test_a_log_gets_a_line_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    display = Display()
    with caplog.at_level(logging.INFO):
        for done in range(1, 200):
            display.show(seen(done=done))
    assert caplog.messages == [
        "idx: building index: scanning table, 10%",
        "idx: building index: scanning table, 70%",
    ]


def test_a_long_wait_is_logged_again_only_after_a_pause(caplog: pytest.LogCaptureFixture) -> None:
    display = Display()
    with caplog.at_level(logging.INFO):
        for age in range(100):
            display.show({}, f"process 7 (report), in a transaction for {age} s")
    assert caplog.messages == ["waits for process 7 (report), in a transaction for 1 s"]


def test_a_short_wait_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    display = Display()
    with caplog.at_level(logging.INFO):
        display.show(seen(), "process 7 (a), in a transaction for 1 s")
        display.show(seen())
        display.show(seen(), "process 8 (b), in a transaction for 1 s")
    assert caplog.messages == []


def test_a_build_that_waits_for_an_old_snapshot_names_the_session(
    platform_database: Database, caplog: pytest.LogCaptureFixture, looks: None
) -> None:
    platform_database.upgrade("0004")
    reader = platform_database.engine().connect()
    reader.exec_driver_sql("set application_name = 'monthly report'")
    reader.commit()
    reader.execution_options(isolation_level="REPEATABLE READ")
    reader.exec_driver_sql("select count(*) from public.documents")
    pid = reader.exec_driver_sql("select pg_backend_pid()").scalar_one()
    threading.Timer(1.5, reader.close).start()
    with caplog.at_level(logging.INFO, logger="alembic.runtime.migration"):
        platform_database.upgrade("0005")
    said = [message for message in caplog.messages if message.startswith("waits for")]
    assert said, caplog.messages
    assert "waiting for old snapshots" in said[0]
    assert f"process {pid} (monthly report), in a transaction for" in said[0]
    assert "select pg_backend_pid()" in said[0]


def test_a_build_is_shown_while_it_grows(head_database: Database, looks: None) -> None:
    terminal = Terminal()
    with head_database.owner() as connection:
        connection.exec_driver_sql("create table public.pages (n int, padding text) ")
        connection.exec_driver_sql("alter table public.pages alter padding set storage plain")
        connection.exec_driver_sql(
            "insert into public.pages select n, repeat('x', 5000) from generate_series(1, 40) n"
        )
        connection.exec_driver_sql(
            "create function public.slowly(n int) returns int language plpgsql immutable"
            " as $$ begin perform pg_sleep(0.03); return n; end $$"
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waits, "Display", lambda: Display(terminal))
        with head_database.engine().connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            with progress(head_database.engine(), backend_pid(connection)):
                connection.exec_driver_sql(
                    "create index concurrently slow on public.pages (public.slowly(n))"
                )
    assert "slow: building index: scanning table" in terminal.getvalue()
    assert "/40" in terminal.getvalue()
