"""A server starts, stops, and comes back from whatever happened to it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from mivaa_schema.database import open_engine
from mivaa_schema.server import (
    EmbeddedServer,
    ServerNotRunning,
    ServerNotStarted,
    ServerSilent,
    host,
)
from mivaa_schema.settings import Settings

START = """
from pathlib import Path
from mivaa_schema.server import EmbeddedServer
server = EmbeddedServer(Path({home!r}), durable=False)
server.start()
print(server.status().pid)
"""


def ask(server, sql, *, commit=False):
    connection = psycopg2.connect(server.url())
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            rows = cursor.fetchall() if cursor.description else None
        if commit:
            connection.commit()
        return rows
    finally:
        connection.close()


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def keep_a_row(server):
    ask(server, "create table kept as select 42 as answer", commit=True)
    # Tests run without waiting for the disk.
    ask(server, "checkpoint")


@pytest.mark.parametrize("major", [16, 18])
def test_first_start_makes_a_utf8_database_of_the_asked_version(embedded, major):
    server = embedded(major=major)
    server.start()
    found = ask(
        server,
        "select current_setting('server_version_num')::int / 10000, "
        "current_setting('server_encoding'), lower('ÄÖ'), current_setting('timezone')",
    )
    assert found == [(major, "UTF8", "äö", "UTC")]
    assert server.status().running


@pytest.mark.slow
def test_versions_live_beside_each_other(embedded, home):
    old, new = embedded(major=16), embedded(major=18)
    old.start()
    new.start()
    assert {path.name for path in home.glob("pg??")} == {"pg16", "pg18"}
    assert old.status().running
    assert new.status().running


def test_second_start_does_nothing(calm):
    pid = calm.status().pid
    calm.start()
    assert calm.status().pid == pid


def test_server_outlives_the_process_that_started_it(embedded, home, python):
    done = python(START.format(home=str(home)))
    assert done.returncode == 0, done.stderr
    server = embedded()
    assert server.status().pid == int(done.stdout)
    assert ask(server, "select 1") == [(1,)]


def test_two_first_starts_at_once_share_one_server(embedded, home, place):
    script = START.format(home=str(home))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    started = [
        subprocess.Popen(
            [sys.executable, "-B", "-c", script],
            cwd=place, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    outcomes = [process.communicate() for process in started]
    embedded()
    assert [process.returncode for process in started] == [0, 0], outcomes
    assert len({printed for printed, _ in outcomes}) == 1


def test_killed_server_starts_again_with_its_data(server):
    keep_a_row(server)
    os.kill(server.status().pid, signal.SIGKILL)
    server.start()
    assert ask(server, "select answer from kept") == [(42,)]


def test_server_that_ends_while_it_is_asked_starts_again(server, monkeypatch):
    keep_a_row(server)

    asked, ask_it = [], server._silence

    def ends(patience: float = 5.0) -> str | None:
        asked.append(patience)
        if len(asked) > 1:
            return ask_it(patience)
        host.end(host.postmaster(server.data), host.ABANDONED)
        return "connection refused"

    monkeypatch.setattr(server, "_silence", ends)
    server.start()
    assert ask(server, "select answer from kept") == [(42,)]


def test_killed_server_with_a_busy_session_starts_again(server):
    keep_a_row(server)
    busy = psycopg2.connect(server.url())
    os.kill(server.status().pid, signal.SIGKILL)
    server.start()
    assert ask(server, "select answer from kept") == [(42,)]
    busy.close()


def test_pid_file_with_the_number_of_another_program_is_no_obstacle(server):
    keep_a_row(server)
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().split("\n", 1)[1]
    server.stop()
    pid_file.write_text(f"{os.getpid()}\n{lines}")
    shutil.chown(pid_file, *(server.data.owner(), server.data.group()))
    assert not server.status().running
    server.start()
    assert ask(server, "select answer from kept") == [(42,)]


@pytest.mark.parametrize("part", [".", "pg18", "pg18/data"])
def test_deleted_folder_under_a_live_server_gives_a_new_one(server, home, part):
    keep_a_row(server)
    old = server.status().pid
    shutil.rmtree(home / part)
    assert not server.status().running
    server.start()
    assert is_gone(old)
    assert ask(server, "select to_regclass('kept')") == [(None,)]


def test_emptied_data_folder_under_a_live_server_gives_a_new_one(server):
    old = server.status().pid
    for path in server.data.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    server.start()
    assert is_gone(old)
    assert ask(server, "select 1") == [(1,)]


def test_deleted_folder_of_a_dead_server_gives_a_new_one(server, home):
    server.stop()
    shutil.rmtree(home)
    server.start()
    assert ask(server, "select 1") == [(1,)]


def test_new_data_folder_gets_a_new_socket(server):
    before = server.url()
    shutil.rmtree(server.data)
    server.start()
    # The old server would remove its successor's socket when it ends.
    assert server.url() != before


def remove_socket(server):
    for path in server.folder.glob("s-*/.s.PGSQL*"):
        path.unlink()


def freeze(server):
    os.kill(server.status().pid, signal.SIGSTOP)


@pytest.mark.slow
@pytest.mark.parametrize("silence", [remove_socket, freeze])
def test_server_that_does_not_answer_is_named_and_left_until_it_is_stopped(server, silence):
    keep_a_row(server)
    pid = server.status().pid
    silence(server)
    found = server.status()
    assert (found.running, found.pid, found.url) == (True, pid, None)
    with pytest.raises(ServerSilent, match="mivaa-schema server stop") as refused:
        server.start()
    assert refused.value.fields["pid"] == pid
    assert not is_gone(pid)
    server.stop()
    assert is_gone(pid)
    server.start()
    assert ask(server, "select answer from kept") == [(42,)]


def test_server_that_refuses_connections_is_alive(server):
    pid = server.status().pid
    other = server.url("template1")
    with contextlib.closing(psycopg2.connect(other)) as connection, connection.cursor() as cursor:
        cursor.execute("alter database postgres allow_connections false")
        connection.commit()
    server.start()
    assert server.status().pid == pid
    assert server.status().running


def test_full_server_counts_as_answering(embedded):
    server = embedded(extra_conf={"max_connections": "4", "superuser_reserved_connections": "0"})
    server.start()
    pid = server.status().pid
    held = [psycopg2.connect(server.url()) for _ in range(4)]
    server.start()
    assert server.status().pid == pid
    for connection in held:
        connection.close()


def test_interrupted_first_start_leaves_nothing_in_the_way(server):
    server.stop()
    # What a kill during initdb leaves: a draft, never a data folder.
    server.data.rename(server.folder / "data.new")
    (server.folder / "data.new" / "PG_VERSION").unlink()
    server.start()
    assert ask(server, "select 1") == [(1,)]
    assert not (server.folder / "data.new").exists()


@pytest.fixture
def small_disk(place) -> Iterator[Path]:
    """A folder on a disk of 20 MB, which is less than a new server needs."""
    disk = place / "disk"
    disk.mkdir()
    command = ["/bin/mount", "-t", "tmpfs", "-o", "size=20m,mode=755", "none", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield disk
    subprocess.run(["/bin/umount", str(disk)], check=True)


def test_full_disk_is_named_and_leaves_nothing_in_the_way(small_disk):
    server = EmbeddedServer(small_disk / ".mivaa")
    # Where the server's user cannot enter the packages, it is already their copy that fails.
    with pytest.raises((ServerNotStarted, host.FolderNotWritable)) as caught:
        server.start()
    said = str(caught.value)
    assert re.search("free disk space|Wrote only|No space left", said)
    assert len(said.splitlines()) == 1
    subprocess.run(["/bin/mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    server.start()
    assert ask(server, "select 1") == [(1,)]
    server.stop()


def test_stop_ends_the_server_and_keeps_the_data(server):
    keep_a_row(server)
    pid = server.status().pid
    server.stop()
    assert is_gone(pid)
    assert not server.status().running
    server.stop()
    server.start()
    assert ask(server, "select answer from kept") == [(42,)]


def test_stop_ends_a_server_whose_folder_is_gone(server, home):
    pid = server.status().pid
    shutil.rmtree(home)
    server.stop()
    assert is_gone(pid)
    assert not home.exists()


def test_looking_makes_nothing(embedded, home):
    server = embedded()
    assert not server.status().running
    with pytest.raises(ServerNotRunning, match="mivaa-schema server start"):
        server.url()
    assert not home.exists()


def test_settings_reach_the_server(embedded):
    server = embedded(extra_conf={"cluster_name": "it's a \\ name"})
    server.start()
    found = ask(server, "select current_setting('cluster_name'), current_setting('fsync')")
    assert found == [("it's a \\ name", "off")]


def test_default_server_is_durable(embedded):
    server = embedded(durable=True)
    server.start()
    assert ask(server, "select current_setting('fsync')") == [("on",)]


PG_VARIABLES = {
    "PGCHANNELBINDING": "require",
    "PGCLIENTENCODING": "nonsense",
    "PGDATA": "/nowhere",
    "PGDATABASE": "none",
    "PGDATESTYLE": "nonsense",
    "PGHOST": "nowhere",
    "PGHOSTADDR": "192.0.2.1",
    "PGOPTIONS": "-c role=nobody",
    "PGPORT": "1",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGREQUIREPEER": "nobody",
    "PGSERVICE": "none",
    "PGSERVICEFILE": "/nowhere",
    "PGSSLMODE": "verify-full",
    "PGTARGETSESSIONATTRS": "standby",
    "PGTZ": "nonsense",
    "PGUSER": "none",
}


def test_empty_pid_file_is_no_obstacle(server):
    keep_a_row(server)
    server.stop()
    (server.data / "postmaster.pid").write_text("")
    server.start()
    assert ask(server, "select answer from kept") == [(42,)]


@pytest.mark.parametrize("name", [*PG_VARIABLES, "all"])
def test_variables_of_libpq_change_nothing(server, embedded, monkeypatch, name):
    pid = server.status().pid
    for one in PG_VARIABLES if name == "all" else [name]:
        monkeypatch.setenv(one, PG_VARIABLES[one])
    before = dict(os.environ)
    embedded().start()
    assert embedded().status() == server.status()
    assert server.status().pid == pid
    engine = open_engine(Settings(home=server.home))
    with engine.connect() as connection:
        socket = connection.exec_driver_sql("show unix_socket_directories").scalar()
    assert str(server.files.remembered()["socket"]) == socket
    assert dict(os.environ) == before


def test_first_start_reads_no_variable_of_libpq(embedded, monkeypatch):
    for name, value in PG_VARIABLES.items():
        monkeypatch.setenv(name, value)
    server = embedded()
    server.start()
    assert server.status().url is not None


def test_home_ignores_itself_in_git(calm):
    assert (calm.home / ".gitignore").read_text() == "*\n"
