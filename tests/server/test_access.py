"""Who runs a server, who reaches it, and who does not."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sysconfig
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from mivaa_schema.database import create_engine
from mivaa_schema.server import (
    EmbeddedServer,
    PortNeedsRestart,
    PortTaken,
    ServerNotStarted,
    TcpOff,
)
from mivaa_schema.server.host import (
    BinariesMissing,
    DataFolderDamaged,
    DataFolderForeign,
    DataFolderOtherMajor,
    DataFolderUnreachable,
    FolderNotWritable,
    NoServerUser,
    UserUnnamed,
    packaged,
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be others")

# As root in a closed home, nobody else can read what is installed there.
_packages = Path(sysconfig.get_path("purelib"))
with_open_packages = pytest.mark.skipif(
    os.geteuid() == 0
    and not all(part.stat().st_mode & 0o001 for part in (_packages, *_packages.parents)),
    reason="only root can read the packages here",
)

NAMELESS = 54321

LIFE_OF_A_USER = """
import os
from pathlib import Path
import psycopg2
from mivaa_schema.server import EmbeddedServer
server = EmbeddedServer(Path(".mivaa"), durable=False)
server.start()
connection = psycopg2.connect(server.url())
cursor = connection.cursor()
cursor.execute("select 42")
print(cursor.fetchone()[0], os.stat(f"/proc/{server.status().pid}").st_uid == os.geteuid())
connection.close()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    connection = psycopg2.connect(url)
    connection.close()
    return True


# Users


@as_root
@with_open_packages
def test_ordinary_user_runs_the_server_as_himself(embedded, place, python):
    shutil.chown(place, "nobody", "nogroup")
    done = python(LIFE_OF_A_USER, user="nobody")
    embedded()
    assert done.stdout == "42 True\n", done.stderr


@as_root
def test_root_runs_the_server_as_somebody_without_rights(calm):
    assert Path(f"/proc/{calm.status().pid}").owner() in ("postgres", "nobody")


@as_root
@with_open_packages
def test_root_runs_the_server_of_an_ordinary_user_as_that_user(embedded, place, python):
    shutil.chown(place, "nobody", "nogroup")
    assert python(LIFE_OF_A_USER, user="nobody").returncode == 0
    server = embedded()
    server.stop()
    server.start()
    assert Path(f"/proc/{server.status().pid}").owner() == "nobody"
    assert answers(server.url())
    # And the user can go on.
    assert python(LIFE_OF_A_USER, user="nobody").stdout == "42 True\n"


@as_root
@with_open_packages
def test_user_without_a_name_runs_the_server(embedded, place, python):
    os.chown(place, NAMELESS, NAMELESS)
    numbers = (f"--reuid={NAMELESS}", f"--regid={NAMELESS}", "--clear-groups")
    done = python(LIFE_OF_A_USER, before=("setpriv", *numbers))
    assert done.stdout == "42 True\n", done.stderr
    # Root goes on with it.
    assert embedded().status().running


@as_root
def test_user_without_a_name_is_told_what_is_missing(embedded, home, monkeypatch):
    folder = home / "pg18"
    folder.mkdir(parents=True)
    os.chown(folder, NAMELESS, NAMELESS)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(
        UserUnnamed, match=f"Add a line to /etc/passwd, such as `mivaa:x:{NAMELESS}"
    ):
        embedded().start()
    assert not (folder / "data").exists()


@as_root
def test_other_local_users_cannot_connect(calm, python):
    url = calm.url()
    for user, allowed in (("nobody", False), (calm.data.owner(), True)):
        done = python(f"import psycopg2; psycopg2.connect({url!r}).close()", user=user)
        assert (done.returncode == 0) is allowed, done.stderr
        assert allowed or "Permission denied" in done.stderr


@as_root
def test_socket_and_folder_are_closed_to_others(calm):
    folder = Path(create_engine(calm.url()).url.query["host"])
    for path in (calm.folder, calm.data, folder, *folder.glob(".s.PGSQL.5432")):
        assert path.stat().st_mode & 0o077 == 0, path


@as_root
def test_foreign_server_is_refused_by_name(calm, python):
    done = python(LIFE_OF_A_USER, user="nobody", cwd=calm.home.parent)
    assert DataFolderForeign.__name__ in done.stderr
    assert f"belongs to user `{calm.data.owner()}`, and you are `nobody`" in done.stderr


@as_root
def test_root_without_the_right_to_look_at_processes_finds_the_server(calm, python):
    # The state of root in most containers.
    done = python(
        LIFE_OF_A_USER.replace("server.start()", "server.start(); print(server.status().pid)"),
        cwd=calm.home.parent,
        before=("setpriv", "--bounding-set=-sys_ptrace"),
    )
    assert done.stdout.startswith(f"{calm.status().pid}\n"), done.stderr


@as_root
def test_root_that_may_not_become_others_is_told(home, python):
    script = f"from mivaa_schema.server import *; EmbeddedServer(Path({str(home)!r})).start()"
    done = python(script, before=("setpriv", "--bounding-set=-setuid,-setgid"))
    assert NoServerUser.__name__ in done.stderr
    assert not home.exists()


@as_root
def test_root_does_not_follow_links_that_the_server_user_planted(server, closed):
    server.stop()
    secret = closed / "secret"
    secret.write_text("untouched")
    (server.data / "mivaa.conf").unlink()
    (server.data / "mivaa.conf.new").symlink_to(secret)
    with pytest.raises(FolderNotWritable):
        server.start()
    assert secret.read_text() == "untouched"
    (server.data / "mivaa.conf.new").unlink()


def test_system_without_unix_users_is_told_and_can_use_another_server(python):
    done = python("""
import sys
sys.modules["pwd"] = None
import mivaa_schema.cli, mivaa_schema.database, os
from pathlib import Path
from mivaa_schema.server import EmbeddedServer
home = Path("home")
os.name = "nt"
EmbeddedServer(home)
""")
    assert "EmbeddedUnsupported: The embedded server does not run on Windows" in done.stderr
    assert "Set DATABASE_URL" in done.stderr


# Folders


@as_root
def test_folder_that_the_server_cannot_reach_is_refused_before_anything_is_made(closed):
    server = EmbeddedServer(closed / "deep" / ".mivaa")
    with pytest.raises(DataFolderUnreachable) as failure:
        server.start()
    assert failure.value.fields["blocked"] == closed
    assert "MIVAA_HOME=/var/lib/mivaa-schema" in str(failure.value)
    assert not any(closed.iterdir())


@as_root
def test_binaries_that_the_server_cannot_reach_are_copied(embedded, closed):
    package = packaged(18).parent
    for folder in (f"{package.name}/pginstall18", f"{package.name}.libs"):
        if (package.parent / folder).exists():
            shutil.copytree(
                package.parent / folder, closed / folder, symlinks=True, copy_function=_link
            )
    server = embedded(binaries=closed / package.name / "pginstall18")
    server.start()
    assert answers(server.url())
    copies = list(server.folder.glob("server-*"))
    assert len(copies) == 1
    server.stop()
    server.start()
    assert list(server.folder.glob("server-*")) == copies


def _link(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@with_open_packages
def test_folder_that_is_not_writable_is_one_message(place, python):
    user = "nobody" if os.geteuid() == 0 else None
    place.chmod(0o555)
    done = python(LIFE_OF_A_USER, user=user)
    place.chmod(0o755)
    assert f"{FolderNotWritable.__name__}: The folder {place}/.mivaa" in done.stderr
    assert "Permission denied" in done.stderr
    assert not any(place.iterdir())


def test_home_that_is_a_file_is_one_message(home):
    home.write_text("")
    with pytest.raises(FolderNotWritable, match="Not a directory"):
        EmbeddedServer(home).start()


def test_umask_of_the_caller_does_not_close_the_home(embedded, place):
    before = os.umask(0o077)
    try:
        server = embedded(place / "a" / "b" / ".mivaa")
        server.start()
    finally:
        os.umask(before)
    assert answers(server.url())


@pytest.mark.parametrize("name", ["it's a \"$HOME`x`\\b", "a:b,c 100% ü", "x" * 90])
def test_any_folder_name_works(embedded, place, name):
    server = embedded(place / name / ".mivaa")
    server.start()
    with create_engine(server.url()).connect() as connection:
        assert connection.execute(sa.text("select 1")).scalar() == 1
    server.start()
    server.stop()
    # A socket outside of the home goes with the server.
    assert not server.status().running
    assert not Path(server.files.remembered()["socket"]).exists() or name in server.url()


def test_data_of_another_version_is_refused(server):
    server.stop()
    (server.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(DataFolderOtherMajor, match="made by PostgreSQL 15; PostgreSQL 18 cannot"):
        server.start()


def test_folder_with_other_files_is_refused_and_kept(server):
    server.stop()
    (server.data / "PG_VERSION").unlink()
    with pytest.raises(DataFolderDamaged, match="Move it away"):
        server.start()
    assert (server.data / "base").exists()


def test_unknown_version_is_refused_with_the_known_ones(home):
    with pytest.raises(BinariesMissing, match="packaged are 16 and 18"):
        EmbeddedServer(home, major=17).start()


def test_failure_to_start_shows_what_the_log_says(embedded):
    server = embedded(extra_conf={"shared_buffers": "nonsense"})
    with pytest.raises(ServerNotStarted, match=r'invalid value for parameter "shared_buffers"'):
        server.start()
    assert not server.status().running


# TCP


def test_tcp_is_off_unless_asked_for(calm):
    with pytest.raises(TcpOff, match="server start --port"):
        calm.tcp_url()


def test_tcp_asks_for_the_password(embedded):
    port = free_port()
    server = embedded(port=port)
    server.start()
    assert answers(server.tcp_url())
    assert answers(server.url())
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(f"postgresql://postgres:wrong@127.0.0.1:{port}/postgres")
    assert (server.folder / "password").stat().st_mode & 0o077 == 0
    password = server.tcp_url().split(":")[2].split("@")[0]
    assert password not in server.log.read_text()


def test_port_is_remembered_until_it_is_switched_off(embedded):
    port = free_port()
    embedded(port=port).start()
    server = embedded()
    server.stop()
    server.start()
    assert answers(server.tcp_url())
    server.stop()
    embedded(port=0).start()
    with pytest.raises(TcpOff):
        server.tcp_url()
    assert answers(server.url())


def test_port_of_a_running_server_is_not_changed(server, embedded):
    pid = server.status().pid
    again = embedded(port=free_port())
    with pytest.raises(PortNeedsRestart, match=f"server start --port {again.port}"):
        again.start()
    assert server.status().pid == pid
    server.stop()
    again.start()
    assert answers(again.tcp_url())


def test_port_that_cannot_be_used_is_not_kept(server, embedded):
    server.stop()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port} on 127.0.0.1 is in use"):
            embedded(port=port).start()
    server.start()
    assert answers(server.url())
    with pytest.raises(TcpOff):
        server.tcp_url()


@as_root
def test_port_that_the_server_may_not_use_is_not_kept(server, embedded, monkeypatch):
    limit = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if not limit.exists() or int(limit.read_text()) <= 80:
        pytest.skip("everybody may use port 80 here")
    server.stop()
    with pytest.raises(ServerNotStarted, match="Permission denied"):
        embedded(port=80).start()
    server.start()
    assert answers(server.url())


def test_port_taken_meanwhile_is_the_same_message(embedded):
    server = embedded(port=free_port())
    server.start()
    server.stop()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        with pytest.raises(PortTaken):
            embedded().start()


def test_shell_sees_no_secret_in_the_process_list(embedded):
    server = embedded(port=free_port())
    server.start()
    password = server.tcp_url().split(":")[2].split("@")[0]
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)  # noqa: S607
    assert password not in listed.stdout
