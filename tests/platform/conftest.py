"""A server of one's own, because roles belong to the whole server and these tests drop them."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import pytest

from mivaa_schema.database import create_engine
from mivaa_schema.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

ROLES = "anon, authenticated, service_role, authenticator, supabase_auth_admin, admin, stranger"


class Blank:
    """A server with an empty database `blank`, and no roles but the superuser."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server

    def url(self, user: str | None = None, database: str = "blank") -> str:
        return self.server.url(database, user)

    def run(self, *statements: str, user: str | None = None, database: str = "blank") -> None:
        connection = psycopg2.connect(self.url(user, database))
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()

    @contextmanager
    def connection(self, user: str | None = None, database: str = "blank") -> Iterator[Connection]:
        with create_engine(self.url(user, database)).connect() as connection:
            yield connection


@pytest.fixture(scope="session", params=[16, 18])
def own_server(request) -> Iterator[EmbeddedServer]:
    home = Path(tempfile.mkdtemp(prefix="mivaa-test-", dir="/tmp"))
    home.chmod(0o755)
    server = EmbeddedServer(home, major=request.param, durable=False)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(home)


@pytest.fixture
def other(blank: Blank) -> str:
    """Name of a second empty database on the same server."""
    blank.run("create database other", database="postgres")
    return "other"


@pytest.fixture
def blank(own_server) -> Iterator[Blank]:
    made = Blank(own_server)
    made.run("create database blank", database="postgres")
    yield made
    made.run(
        "drop database blank with (force)",
        "drop database if exists other with (force)",
        f"drop role if exists {ROLES}",
        database="postgres",
    )
