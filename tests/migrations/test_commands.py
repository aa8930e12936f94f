"""Each Alembic command is known to read, or is treated as one that changes."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from fixtures.databases import Database
from mivaa_schema.migrations import UPGRADE_LOCK, alembic_config, recorded_revisions

Shell = Callable[..., subprocess.CompletedProcess[str]]
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.mark.parametrize("arguments", [("head",), ("0005",), ("base", "--purge"), ("+1",)])
def test_stamp_of_a_schema_that_is_not_there_is_refused(
    platform_database: Database, alembic: Shell, arguments: tuple[str, ...]
) -> None:
    before = platform_database.dump()
    done = alembic("stamp", *arguments, url=platform_database.url())
    assert done.returncode != 0
    assert "Run `alembic upgrade`" in done.stdout
    assert platform_database.dump() == before


@pytest.mark.parametrize("revision", ["base", "0011", "+1"])
def test_stamp_of_another_revision_is_refused(head_database: Database, revision: str) -> None:
    before = head_database.dump()
    with pytest.raises(CommandError, match="would record a revision and change nothing"):
        command.stamp(head_database.config(), revision)
    with head_database.owner() as connection:
        assert recorded_revisions(connection) == ["0012"]
    assert head_database.dump() == before


def test_stamp_of_what_is_recorded_is_allowed(
    platform_database: Database, head_database: Database
) -> None:
    before = platform_database.dump()
    command.stamp(platform_database.config(), "base")
    assert platform_database.dump() == before
    command.stamp(head_database.config(), "head")
    command.stamp(head_database.config(), "0012")


def test_stamp_as_a_script_is_refused(alembic: Shell) -> None:
    done = alembic("stamp", "head", "--sql")
    assert done.returncode != 0
    # On the terminal, where a script goes to a file.
    assert "only upgrades and downgrades can be scripts" in done.stderr


def test_ensure_version_leaves_nothing_in_an_empty_database(platform_database: Database) -> None:
    before = platform_database.dump()
    command.ensure_version(platform_database.config())
    assert platform_database.dump() == before


def something_new(config: Config) -> None:
    """A command of a later Alembic."""

    def work(*_: Any) -> list[Any]:
        raise AssertionError("it must not run")

    script = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, script, fn=work):
        script.run_env()


@pytest.mark.parametrize("run", [command.ensure_version, something_new])
def test_command_that_is_not_known_to_read_waits_for_the_upgrade_lock(
    platform_database: Database, run: Callable[[Config], None]
) -> None:
    config = platform_database.config(upgrade_wait="0")
    with platform_database.owner() as connection:
        connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        with pytest.raises(CommandError, match="Another upgrade holds the lock"):
            run(config)


@pytest.mark.parametrize(
    "arguments", [("history",), ("history", "-r", "0003:0005"), ("heads",), ("branches",),
                  ("show", "0003"), ("revision", "--help")],
)  # fmt: skip
def test_command_that_only_reads_files_needs_no_database(
    alembic: Shell, arguments: tuple[str, ...]
) -> None:
    done = alembic(*arguments, DATABASE_URL=NOWHERE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [{}, {"rev_range": "0003:0005"}, {"verbose": True}])
def test_history_that_a_program_asks_for_needs_no_database(
    arguments: dict[str, Any],
) -> None:
    config = alembic_config()
    config.stdout = io.StringIO()
    config.set_main_option("sqlalchemy.url", NOWHERE)
    command.history(config, **arguments)
    assert "0004" in config.stdout.getvalue()
    with pytest.raises(CommandError, match="No connection to"):
        command.history(config, indicate_current=True)


def test_history_of_the_database_asks_it(head_database: Database, alembic: Shell) -> None:
    done = alembic("history", "-r", "0011:current", url=head_database.url())
    assert "0011 -> 0012" in done.stdout
    done = alembic("history", "--indicate-current", url=head_database.url())
    assert "0012 (head) (current)" in done.stdout
    assert alembic("history", "-r", "0011:current", DATABASE_URL=NOWHERE).returncode != 0


@pytest.mark.parametrize("arguments", [("upgrade", "0099"), ("upgrade", "head")])
def test_error_appears_once(
    platform_database: Database, alembic: Shell, arguments: tuple[str, ...]
) -> None:
    before = platform_database.dump()
    url = platform_database.url() if arguments[1] == "0099" else NOWHERE
    done = alembic(*arguments, url=url)
    assert done.returncode != 0
    assert (done.stdout + done.stderr).count("FAILED") == 1
    assert "ERROR" not in done.stderr
    assert "Traceback" not in done.stderr
    assert platform_database.dump() == before


def test_merge_says_how_revisions_are_put_in_line(alembic: Shell) -> None:
    done = alembic("merge", "heads")
    assert done.returncode != 0
    assert "mivaa-schema renumber" in done.stdout


def test_ctrl_c_cancels_the_statement_and_ends_in_one_message(platform_database: Database) -> None:
    platform_database.upgrade("0004")
    reader = platform_database.engine().connect()
    reader.execution_options(isolation_level="REPEATABLE READ")
    reader.exec_driver_sql("select count(*) from public.documents")
    with reader, platform_database.engine().connect() as other:
        run = subprocess.Popen(
            [sys.executable, "-m", "alembic", "-x", f"url={platform_database.url()}",
             "upgrade", "0005"],
            cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        builds = sa.text(
            "select count(*) from pg_stat_progress_create_index"
            " where datname = current_database() and phase like 'waiting for%'"
        )
        other.execution_options(isolation_level="AUTOCOMMIT")
        deadline = time.monotonic() + 60
        while not other.execute(builds).scalar_one():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(run.pid, signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert run.returncode not in (0, None)
    assert "Traceback" not in err
    assert out.count("FAILED") == 1
    assert "Revision 0005 failed and is interrupted" in out
    assert "canceling statement due to user request" in out
    platform_database.upgrade("0005")


@pytest.mark.parametrize("target", ["nonsense@base", "nonsense@-1", " "])
def test_target_with_an_unknown_label_is_refused(head_database: Database, target: str) -> None:
    before = head_database.dump()
    with pytest.raises(CommandError, match="names no revision"):
        head_database.downgrade(target)
    assert head_database.dump() == before
