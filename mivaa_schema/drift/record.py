"""Records what each revision changes in the catalog, by running the chain step by step."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alembic import command

from mivaa_schema import catalog, database, history, platform
from mivaa_schema.migrations import alembic_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from mivaa_schema.server import EmbeddedServer


def record(server: EmbeddedServer, versions: Path | None = None) -> list[Path]:
    """Write ``catalog.json`` of every revision anew; return those that have changed.

    Works in a database of its own, which is dropped at the end.

    Args:
        server: The server to work on; it is started.
        versions: The folder of the revisions; this project's own without it.
    """
    written = []
    before: catalog.Snapshot = {}
    with scratch_database(server) as engine:
        config = alembic_config()
        config.attributes["connection"] = engine
        for revision, folder in history.folders(versions).items():
            command.upgrade(config, revision)
            with database.connect(engine) as connection:
                after = catalog.snapshot(connection)
            folder.mkdir(exist_ok=True)
            if catalog.write_changes(folder, before, after):
                written.append(folder / catalog.RECORDED)
            before = after
    return written


@contextmanager
def scratch_database(server: EmbeddedServer) -> Iterator[Engine]:
    """A new database with the platform and nothing of ours, dropped at the end."""
    server.start()
    name = f"mivaa_scratch_{secrets.token_hex(4)}"
    admin = database.embedded_engine(server).execution_options(isolation_level="AUTOCOMMIT")
    with database.connect(admin) as connection:
        connection.exec_driver_sql(f"create database {name} template template0")
    try:
        engine = database.embedded_engine(server, name)
        with database.connect(engine) as connection:
            platform.install(connection)
        yield engine
    finally:
        with database.connect(admin) as connection:
            connection.exec_driver_sql(f"drop database {name} with (force)")
