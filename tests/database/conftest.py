"""Empty databases of one's own on the server of the session."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import pytest

from fixtures.clusters import NEWEST
from mivaa_schema.database import create_engine, database_url
from mivaa_schema.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

NUMBERS = itertools.count()


class Place:
    """A database: run SQL in it as the superuser, connect as anybody."""

    def __init__(self, server: EmbeddedServer, name: str) -> None:
        self.server = server
        self.name = name

    def url(self, user: str | None = None) -> str:
        return self.server.url(self.name, user)

    def run(self, sql: str) -> None:
        connection = psycopg2.connect(self.url())
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
        connection.close()

    @contextmanager
    def connection(self, user: str | None = None) -> Iterator[Connection]:
        engine = create_engine(database_url(self.url(user)))
        with engine.connect() as connection:
            yield connection


@pytest.fixture
def place(servers) -> Iterator[Place]:
    # Of the newest version: what a server lacks is made with extension_control_path, of 18.
    server = servers(NEWEST)
    name = f"place_{os.getpid()}_{next(NUMBERS)}"
    Place(server, "postgres").run(f"create database {name}")
    yield Place(server, name)
    Place(server, "postgres").run(f"drop database {name} with (force)")


@pytest.fixture
def role(place) -> Iterator[str]:
    """A role that may log in and nothing else."""
    name = f"{place.name}_user"
    place.run(f"create role {name} login")
    yield name
    place.run(f"drop owned by {name}; drop role {name}")


@pytest.fixture(scope="session")
def tcp_server() -> Iterator[EmbeddedServer]:
    """A server of one's own that asks for a password on TCP."""
    home = Path(tempfile.mkdtemp(prefix="mivaa-test-", dir="/tmp"))
    home.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = EmbeddedServer(home, durable=False, port=port)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(home)
