"""Folders for servers, servers that end with the test, and other users to be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mivaa_schema.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can pass through; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="mivaa-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def home(place: Path) -> Path:
    return place / ".mivaa"


@pytest.fixture
def embedded(home: Path) -> Iterator[Callable[..., EmbeddedServer]]:
    """Make servers in `home` that are stopped at the end, however they were left."""
    made: list[EmbeddedServer] = []

    def make(folder: Path = home, **options: object) -> EmbeddedServer:
        server = EmbeddedServer(folder, **({"durable": False} | options))
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture(scope="session")
def seed() -> Iterator[Path]:
    """A home that was started once: copying it is faster than making one."""
    folder = Path(tempfile.mkdtemp(prefix="mivaa-test-", dir="/tmp"))
    folder.chmod(0o755)
    server = EmbeddedServer(folder / ".mivaa", durable=False)
    server.start()
    server.stop()
    # It names the socket of this one.
    (server.folder / "server.json").unlink()
    yield server.home
    shutil.rmtree(folder)


@pytest.fixture
def server(embedded: Callable[..., EmbeddedServer], seed: Path, home: Path) -> EmbeddedServer:
    """A running server of the test's own, to be maltreated."""
    subprocess.run(["cp", "-a", seed, home], check=True)  # noqa: S607
    server = embedded()
    server.start()
    return server


@pytest.fixture(scope="module")
def calm(seed: Path) -> Iterator[EmbeddedServer]:
    """A running server that tests only look at."""
    folder = Path(tempfile.mkdtemp(prefix="mivaa-test-", dir="/tmp"))
    folder.chmod(0o755)
    subprocess.run(["cp", "-a", seed, folder / ".mivaa"], check=True)  # noqa: S607
    server = EmbeddedServer(folder / ".mivaa", durable=False)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


# The interpreter can lie where only root can read it: what the script needs is imported first.
BECOME = """
import os, pwd, encodings.idna, traceback, linecache, tokenize
import filelock, psycopg2, mivaa_schema.server
who = pwd.getpwnam({user!r})
os.setgroups([])
os.setgid(who.pw_gid)
os.setuid(who.pw_uid)
"""


@pytest.fixture
def python(place: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python in a process of its own, as another user if asked, with the package at hand."""

    def run(
        script: str, *, user: str | None = None, before: tuple[str, ...] = (), cwd: Path = place
    ) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(place), "PYTHONPATH": str(ROOT)}
        script = (BECOME.format(user=user) if user else "") + script
        return subprocess.run(
            [*before, sys.executable, "-B", "-c", script],
            cwd=cwd, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def closed(place: Path) -> Path:
    """A folder that root alone can enter."""
    folder = place / "closed"
    folder.mkdir()
    folder.chmod(0o700)
    return folder
