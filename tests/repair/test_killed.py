"""A repair can be interrupted, never blocks users for long, and waits for an upgrade."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from repair.bad_rows import row

from fixtures.databases import Database
from fixtures.existing_platform import run, scalar
from mivaa_schema import repair
from mivaa_schema.migrations import UPGRADE_LOCK, UpgradeRunning
from mivaa_schema.repair import Options
from mivaa_schema.repair.errors import RepairLockTimeout
from mivaa_schema.settings import Settings

MISPLACED = (
    "select count(*) from public.document_chunks c join public.documents d"
    " on d.id = c.document_id where c.workspace_id <> d.workspace_id"
)
PATIENT = Settings(lock_timeout=60, lock_retries=0)
HASTY = Settings(lock_timeout=0.05, lock_retries=1)

LAST = max(row(f"misplaced chunk {number}") for number in range(25))


@contextlib.contextmanager
def holding_the_last_chunk(database: Database) -> Iterator[None]:
    """A user edits the chunk that the repair comes to last."""
    with database.owner() as connection:
        connection.execute(
            sa.text("select from public.document_chunks where id = :id for update"), {"id": LAST}
        )
        yield


def until_it_waits(database: Database) -> None:
    waiting = (
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        f" and datname = '{database.name}'"
    )
    pause = threading.Event()
    for _ in range(600):
        if scalar(database, waiting):
            return
        pause.wait(0.05)
    pytest.fail("the repair did not come to the row that is held")


def test_killed_in_the_middle_it_goes_on_where_it_stopped(adopted_database: Database) -> None:
    command = [sys.executable, "-m", "mivaa_schema", "repair", "chunk-workspace", "--apply"]
    environment = os.environ | {
        "DATABASE_URL": adopted_database.url(),
        "MIVAA_LOCK_TIMEOUT": "60",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    with holding_the_last_chunk(adopted_database):
        process = subprocess.Popen([*command, "--batch", "50"], env=environment)
        until_it_waits(adopted_database)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        left = scalar(adopted_database, MISPLACED)
        assert 0 < left < 25, "the batches before are not committed one by one"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "after: nothing to repair"
    assert scalar(adopted_database, MISPLACED) == 0


def test_after_lock_timeouts_it_names_who_holds_the_locks(adopted_database: Database) -> None:
    chosen = repair.find("chunk-workspace")
    with (
        holding_the_last_chunk(adopted_database),
        pytest.raises(RepairLockTimeout, match=r"in 2 attempts.* process \d+ \(mivaa-schema\)"),
    ):
        repair.apply(adopted_database.engine(), chosen, Options(batch=50), HASTY)
    assert 0 < scalar(adopted_database, MISPLACED) < 25
    _, after = repair.apply(adopted_database.engine(), chosen, Options(), PATIENT)
    assert after == []


def test_each_batch_is_bounded_in_its_waits_and_in_nothing_else(
    adopted_database: Database,
) -> None:
    run(
        adopted_database,
        "create function public.watch() returns trigger language plpgsql as $$ begin"
        " if (current_setting('lock_timeout'), current_setting('statement_timeout'))"
        " <> ('1234ms', '0') then raise 'not bounded as told'; end if; return new; end $$;"
        "create trigger watch before update on public.document_chunks"
        " for each row execute function public.watch()",
    )
    chosen = repair.find("chunk-workspace")
    _, after = repair.apply(
        adopted_database.engine(), chosen, Options(), Settings(lock_timeout=1.234)
    )
    assert after == []


def test_it_waits_for_an_upgrade_and_says_so(adopted_database: Database) -> None:
    with adopted_database.owner() as connection:
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({UPGRADE_LOCK})")
        with pytest.raises(UpgradeRunning):
            repair.apply(
                adopted_database.engine(),
                repair.find("chunk-workspace"),
                Options(),
                Settings(upgrade_wait=0),
            )
    assert scalar(adopted_database, MISPLACED) == 25


def test_a_row_that_a_user_has_repaired_meanwhile_stays_as_the_user_left_it(
    adopted_database: Database,
) -> None:
    found: list[BaseException] = []

    def work() -> None:
        try:
            repair.apply(
                adopted_database.engine(), repair.find("unknown-statuses"),
                Options(mapping={"weird": "archived"}), PATIENT,
            )  # fmt: skip
        except BaseException as error:
            found.append(error)

    worker = threading.Thread(target=work)
    with adopted_database.owner() as connection:
        connection.exec_driver_sql(
            "update public.documents set status = 'published' where status = 'weird'"
        )
        worker.start()
        until_it_waits(adopted_database)
    worker.join()
    assert not found
    statuses = "select status from public.documents where name = 'weird'"
    assert scalar(adopted_database, statuses) == "published"


def test_constraints_can_be_interrupted_between_two(adopted_database: Database) -> None:
    run(adopted_database, "delete from public.document_chunks where workspace_id is null")
    check = "document_chunks_workspace_id_check"
    run(
        adopted_database,
        "insert into mivaa.ledger (kind, object_name)"
        f" values ('constraint', 'public.document_chunks.{check}');"
        f"alter table public.document_chunks add constraint {check}"
        " check (workspace_id is not null) not valid",
    )
    repair.apply(adopted_database.engine(), repair.find("constraints"), Options(), PATIENT)
    validated = f"select convalidated from pg_constraint where conname = '{check}'"
    assert scalar(adopted_database, validated) is True
