"""Each command does its work, or ends with one message on stderr and code 1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
from click import Group

from mivaa_schema.cli import main


@pytest.fixture
def running(mivaa):
    assert mivaa("server", "start").exit_code == 0
    return mivaa


def test_start_prints_an_address_that_works_with_the_platform(mivaa):
    done = mivaa("server", "start")
    assert done.exit_code == 0, done.output
    connection = psycopg2.connect(done.stdout.strip())
    with connection.cursor() as cursor:
        cursor.execute("select auth.uid()")
        assert cursor.fetchone() == (None,)
    connection.close()


def test_url_is_what_start_printed(running):
    assert running("server", "url").stdout == running("server", "start").stdout
    other = running("server", "url", "--database", "my db").stdout
    assert "/my%20db?host=" in other


def test_status_in_words_and_as_json(running, folder):
    words = running("server", "status").stdout
    assert words.startswith("running: PostgreSQL 18, process ")
    found = json.loads(running("server", "status", "--json").stdout)
    assert set(found) == {"running", "pid", "major", "data", "url"}
    assert found["running"] is True
    assert found["data"] == str(folder / ".mivaa" / "pg18" / "data")
    assert f"process {found['pid']}" in words


def test_stopped_server_has_a_status_but_no_url(running):
    assert running("server", "stop").exit_code == 0
    stopped = running("server", "status")
    assert stopped.stdout.startswith("not running: PostgreSQL 18")
    assert stopped.exit_code == 3
    assert json.loads(running("server", "status", "--json").stdout)["url"] is None
    done = running("server", "url")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.endswith("Start it with `mivaa-schema server start`.\n")


def test_tcp_address_without_tcp_names_the_switch(running):
    done = running("server", "url", "--tcp")
    assert done.exit_code == 1
    assert "mivaa-schema server start --port" in done.stderr


def test_home_option_beats_the_variable(mivaa, monkeypatch, tmp_path):
    monkeypatch.setenv("MIVAA_HOME", str(tmp_path / "variable"))
    found = mivaa("server", "status", "--json", "--home", str(tmp_path / "option"))
    assert json.loads(found.stdout)["data"] == str(tmp_path / "option" / "pg18" / "data")
    found = mivaa("server", "status", "--json")
    assert json.loads(found.stdout)["data"] == str(tmp_path / "variable" / "pg18" / "data")


def test_platform_is_installed_where_it_is_missing(running):
    url = running("server", "url").stdout.strip()
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("create database plain")
    connection.close()
    plain = url.replace("/postgres?", "/plain?")
    before = json.loads(running("platform", "status", "--json", "--url", plain).stdout)
    assert before["parts"]["auth.users"] is False
    assert before["auth_owner"] is None
    assert "MISSING  auth.users" in running("platform", "status", "--url", plain).stdout

    done = running("platform", "install", "--url", plain)
    assert done.exit_code == 0
    assert done.stdout.startswith("installed: schema auth, auth.users")
    after = json.loads(running("platform", "status", "--json", "--url", plain).stdout)
    assert all(after["parts"].values())
    assert after == {"parts": after["parts"], "auth_owner": "postgres", "stand_in": True}
    assert running("platform", "install", "--url", plain).stdout.startswith("nothing is missing")


def test_platform_on_the_embedded_server_is_there_already(running):
    assert running("platform", "install").stdout.startswith("nothing is missing")
    assert "owned by postgres" in running("platform", "status").stdout


def test_database_url_of_the_environment_is_used(mivaa, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:1/db")
    done = mivaa("platform", "status")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: No connection to 127.0.0.1:1 as user `me`:")
    assert "hunter2" not in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["platform", "status", "--url", "mysql://here/db"], "begins with `mysql://`"),
        (["platform", "install", "--url", "here"], "begins neither"),
        (["platform", "install", "--url", ""], "expected was a database address"),
        (["server", "start", "--home", "/dev/null/x"], "Not a directory"),
    ],
)
def test_failure_is_one_message_and_code_1(mivaa, words, said):
    done = mivaa(*words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_wrong_usage_is_code_2(mivaa):
    assert mivaa("server", "start", "--port", "70000").exit_code == 2
    assert mivaa("server", "start", "--major", "17").exit_code == 2


def python(script, folder, *arguments):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True, text=True, env=environment, cwd=folder, check=False,
    )  # fmt: skip


def test_a_real_process_prints_no_traceback(tmp_path):
    script = "from mivaa_schema.cli import main; main()"
    done = python(script, tmp_path, "platform", "status", "--url", "mysql://here/db")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The database address begins with `mysql://`")


INTERRUPTED = """
import os, signal, time
from mivaa_schema.cli import main

@main.command()
def wait():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(600)

main(["wait"])
"""


def test_interrupt_is_one_line_and_code_130(tmp_path):
    done = python(INTERRUPTED, tmp_path)
    assert done.returncode == 130
    assert done.stderr == "Interrupted. Run the same command again to continue.\n"


def commands(group, *path):
    for name, command in group.commands.items():
        yield from commands(command, *path, name) if isinstance(command, Group) else [(*path, name)]


HELPED = """
import sys
from mivaa_schema.cli import main

try:
    main()
finally:
    slow = {"alembic", "alembic_utils", "filelock", "psycopg2", "sqlalchemy", "tqdm"}
    assert not slow & set(sys.modules), slow & set(sys.modules)
"""


@pytest.mark.parametrize("words", [(), *commands(main)], ids=" ".join)
def test_help_imports_nothing_slow(tmp_path, words):
    done = python(HELPED, tmp_path, *words, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_are_completed(shell):
    command = [
        sys.executable,
        "-c",
        "from mivaa_schema.cli import main; main(prog_name='mivaa-schema')",
    ]
    done = subprocess.run(
        command, env={**os.environ, "_MIVAA_SCHEMA_COMPLETE": f"{shell}_source"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"_MIVAA_SCHEMA_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("repair unkn", ["unknown-workspaces", "unknown-users", "unknown-members"]),
        ("repair constr", ["constraints"]),
        ("upgrade 000", ["0001", "0009"]),
        ("downgrade b", ["base"]),
        ("stamp h", ["head"]),
        ("dri", ["drift"]),
    ],
)
def test_names_of_repairs_and_revisions_are_completed(words, offered):
    command = [
        sys.executable,
        "-c",
        "from mivaa_schema.cli import main; main(prog_name='mivaa-schema')",
    ]
    line = f"mivaa-schema {words}"
    done = subprocess.run(
        command,
        env={
            **os.environ, "_MIVAA_SCHEMA_COMPLETE": "bash_complete",
            "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1),
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = [row.partition(",")[2] for row in done.stdout.splitlines()]
    assert set(offered) <= set(found)
    assert all(word.startswith(words.split()[-1]) for word in found)


def test_wrong_arguments_end_with_code_2(mivaa):
    assert mivaa("drift", "--nonsense").exit_code == 2
    assert mivaa("no-such-command").exit_code == 2
