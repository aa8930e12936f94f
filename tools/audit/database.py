"""The audited database: the platform, all revisions, two workspaces, users of every role."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from fixtures.clusters import NEWEST, SUPERUSER, Kind
from fixtures.databases import Database, janitor_of, let_owner_create, make_platform
from fixtures.people import World
from mivaa_schema import database
from mivaa_schema.server import EmbeddedServer


@dataclass
class Audited:
    """A database, and whether the audit may do with it what it likes.

    Attributes:
        url: Its address, for a superuser where it is scratch.
        is_scratch: Whether the audit made it, and drops it.
        schemas: Where our objects are.
    """

    url: str
    is_scratch: bool = False
    schemas: tuple[str, ...] = ("public", "mivaa")
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = database.create_engine(database.database_url(self.url))

    def copied(self, name: str) -> Audited:
        """A copy that somebody else may change; of a scratch database only."""
        self.engine.dispose()
        url = sa.make_url(self.url)
        other = database.create_engine(database.database_url(_text(url.set(database="postgres"))))
        with other.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"create database {name} template {url.database}")
        other.dispose()
        return Audited(_text(url.set(database=name)), is_scratch=True, schemas=self.schemas)


def _text(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


@contextlib.contextmanager
def scratch_database(plpgsql_check: Path | None = None) -> Iterator[Audited]:
    """A database at the last revision, on a server of its own; gone in the end.

    Args:
        plpgsql_check: Where the files of the extension are, to be created in the database.
    """
    home = Path(tempfile.mkdtemp(prefix="mivaa-audit-"))
    home.chmod(0o755)
    settings = {"max_connections": "60"}
    if plpgsql_check:
        # The server runs as another user, who cannot enter every folder.
        shutil.copytree(plpgsql_check, home / "plpgsql_check")
        settings |= {
            "extension_control_path": f"$system:{home}/plpgsql_check",
            "dynamic_library_path": f"$libdir:{home}/plpgsql_check",
        }
    server = EmbeddedServer(
        home, major=NEWEST, superuser=SUPERUSER, durable=False, extra_conf=settings
    )
    try:
        server.start()

        def servers(_: int) -> EmbeddedServer:
            return server

        janitor_of(servers, NEWEST, "audited", None).init()
        made = Database(servers, NEWEST, "audited")
        make_platform(made, Kind(NEWEST, "extensions", "legacy"))
        let_owner_create(made)
        made.upgrade()
        World().create(made)
        if plpgsql_check:
            with made.superuser() as connection:
                connection.exec_driver_sql("create schema plpgsql_check")
                connection.exec_driver_sql("create extension plpgsql_check schema plpgsql_check")
        for engine in made._engines.values():
            engine.dispose()
        audited = Audited(made.url(SUPERUSER), is_scratch=True)
        yield audited
        audited.engine.dispose()
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
