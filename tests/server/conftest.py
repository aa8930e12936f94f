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


@pytest.fixture
def server(embedded: Callable[..., EmbeddedServer]) -> EmbeddedServer:
    server = embedded()
    server.start()
    return server


# The interpreter can lie where only root can read it: what the script needs is imported first.
BECOME = """
import os, pwd, encodings.idna, traceback, linecache, tokenize
import mivaa_schema.cli
who = pwd.getpwnam({user!r})
os.setgroups([])
os.setgid(who.pw_gid)
os.setuid(who.pw_uid)
"""


@pytest.fixture
def python(place: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python in a process of its own, as another user if asked, with the package at hand."""

    def run(script: str, *, user: str | None = None, before: tuple[str, ...] = ()):
        environment = {"PATH": os.environ["PATH"], "HOME": str(place), "PYTHONPATH": str(ROOT)}
        script = (BECOME.format(user=user) if user else "") + script
        return subprocess.run(  # noqa: S603
            [*before, sys.executable, "-B", "-c", script],
            cwd=place, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def closed(place: Path) -> Path:
    """A folder that root alone can enter."""
    folder = place / "closed"
    folder.mkdir()
    folder.chmod(0o700)
    return folder
