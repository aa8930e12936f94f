"""The database: an engine, a connection to it, and what its server must have."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from mivaa_schema import platform
from mivaa_schema.errors import MivaaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg2.extensions

    from mivaa_schema.settings import Settings

OLDEST_SERVER = 15
OLDEST_VECTOR = (0, 8)
APPLICATION_NAME = "mivaa-schema"
CONNECT_TIMEOUT = 10

DRIVER = "postgresql+psycopg2"

POOLER_HINTS = frozenset({"pgbouncer", "pool_mode", "connection_limit", "pool_timeout", "supa"})
"""What other clients (Prisma above all) write in an address about the pooler that it leads to.

libpq knows none of it. It stays readable in the URL, and no driver sees it.
"""


class ServerTooOld(MivaaError):
    """The server is PostgreSQL {found}; 15 or later is needed. Upgrade the server, or unset
    DATABASE_URL to use the embedded one.
    """


class ServerReadOnly(MivaaError):
    """The server takes no changes: {reason}. Connect to a primary, in a session that may write."""


class NoCreateRight(MivaaError):
    """User `{user}` may not create in {where}. Let its owner run:
      {remedy}
    or connect as a user who may.
    """


class VectorMissing(MivaaError):
    """The server has no pgvector. Install it there, version 0.8 or later (the package is often
    called postgresql-{major}-pgvector), or unset DATABASE_URL to use the embedded server.
    """


class VectorTooOld(MivaaError):
    """The database has pgvector {found}; 0.8 or later is needed (for iterative scans). {remedy}"""


class VectorElsewhere(MivaaError):
    """pgvector is installed in schema `{schema}`; expected was `extensions` or `public`. Move it:
    alter extension vector set schema extensions;
    """


class VectorNotCreatable(MivaaError):
    """pgvector is there but not installed in database `{database}`, and `{user}` may not do it.
    Let a superuser run, in that database:
      create extension vector;
    """


def database_url(text: str) -> URL:
    """Read a database address in any spelling that people use.

    These are `postgres://`, `postgresql://` and `postgresql+psycopg2://` with hosts, ports,
    options or a socket folder as libpq takes them, and libpq's `host=... dbname=...`.

    Returns:
        The address for the psycopg2 driver of SQLAlchemy.

    Raises:
        MalformedUrl: it cannot be read.
        OtherDriver: it names another driver or database.
    """
    # Imported here because the embedded server, the default, does without it.
    from mivaa_schema.database import url

    return url.read(text)


def server_name(url: URL) -> str:
    """Host and port of an address, for messages."""
    host = url.host or str(url.query.get("host") or "the local socket")
    port = url.port or url.query.get("port")
    return f"{host}:{port}" if port else host


def create_engine(url: URL | str) -> Engine:
    """Make an engine without a pool whose sessions find `vector` in either schema.

    Every session has the search path `public, extensions`: new objects go to `public` whatever
    the role's own setting is, and types of extensions are found.
    """
    engine = plain_engine(database_url(url) if isinstance(url, str) else url)

    # Before SQLAlchemy's own listener, which asks for the default schema at the first connection.
    @event.listens_for(engine, "connect", insert=True)
    def set_search_path(
        connection: psycopg2.extensions.connection, _entry: ConnectionPoolEntry
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute("set session search_path = public, extensions")
        connection.commit()

    return engine


def plain_engine(url: URL, **options: Any) -> Engine:
    """Make an engine without a pool whose sessions are as the server gives them.

    Args:
        url: the address; hints about a pooler are left out of `engine.url`.
        options: further arguments of :func:`sqlalchemy.create_engine`.
    """
    url = url.difference_update_query(POOLER_HINTS)
    arguments: dict[str, Any] = {
        "application_name": APPLICATION_NAME,
        "connect_timeout": CONNECT_TIMEOUT,
    }
    return sa.create_engine(
        url,
        poolclass=NullPool,
        connect_args={name: value for name, value in arguments.items() if name not in url.query},
        **options,
    )


@contextlib.contextmanager
def connect(engine: Engine) -> Iterator[Connection]:
    """Connect; a failure to connect comes as the MivaaError that explains it."""
    try:
        connection = engine.connect()
    except exc.DBAPIError as error:
        raise explain(error, engine.url) from error
    with connection:
        yield connection


def open_engine(settings: Settings) -> Engine:
    """Reach the database of the settings, or start the embedded one and complete it.

    Raises:
        MivaaError: the database cannot be reached; nothing was changed then.
    """
    if settings.url is not None:
        engine = create_engine(settings.url)
        with connect(engine):
            return engine
    # Imported here because it is an extra: applications have a server already.
    from mivaa_schema.server import EmbeddedServer

    server = EmbeddedServer(settings.home)
    server.start()
    engine = create_engine(sa.make_url(server.url()).set(drivername=DRIVER))
    with connect(engine) as connection:
        platform.install(connection)
    return engine


def explain(error: exc.DBAPIError, url: URL) -> MivaaError:
    """Turn a driver's error into one that says what is wrong and what to do next."""
    # Imported here because most runs do without it.
    from mivaa_schema.database import failures

    return failures.explain(error, url)


def check_server(connection: Connection) -> None:
    """Check that the chain can run on this database, by reading catalogs only.

    A transaction that this opens is ended again.

    Raises:
        MivaaError: the first thing that is missing, with the next step.
    """
    joined = connection.in_transaction()
    try:
        check_version(_one(connection, "select current_setting('server_version_num')::int"))
        _check_writable(connection)
        platform.check(connection)
        _check_rights(connection)
        _check_vector(connection)
    finally:
        if not joined:
            connection.rollback()


def check_version(number: int) -> None:
    """Check a server version as `server_version_num` gives it, such as 180004.

    Raises:
        ServerTooOld: it is below 15.
    """
    major, minor = divmod(number, 10_000)
    if major < OLDEST_SERVER:
        # Before 10 the second figure was part of the major version.
        found = f"{major}.{minor // 100}" if major < 10 else f"{major}.{minor}"
        raise ServerTooOld(found=found)


def version_of(text: str) -> tuple[int, ...]:
    """Read the numbers of an extension's version: "0.8.5" is (0, 8, 5)."""
    return tuple(int(figure) for figure in re.findall(r"\d+", text)[:3])


def _check_writable(connection: Connection) -> None:
    if _one(connection, "select pg_is_in_recovery()"):
        raise ServerReadOnly(reason="it is a standby that replays another server")
    if _one(connection, "select current_setting('transaction_read_only')") == "on":
        raise ServerReadOnly(reason="transactions are read-only (default_transaction_read_only)")


def _check_rights(connection: Connection) -> None:
    rights = connection.execute(sa.text(_RIGHTS)).mappings().one()
    if not rights["database"] and rights["mivaa"] is None:
        where = f"database `{rights['database_name']}` (the schema mivaa)"
        right = f"create on database {rights['quoted_database']}"
    elif rights["mivaa"] is False:
        where, right = "schema `mivaa`", "usage, create on schema mivaa"
    elif not rights["public"]:
        where, right = "schema `public`", "usage, create on schema public"
    else:
        return
    remedy = f"grant {right} to {rights['quoted_user']};"
    raise NoCreateRight(user=rights["user"], where=where, remedy=remedy)


_RIGHTS = """
select
    current_user as user,
    quote_ident(current_user) as quoted_user,
    current_database() as database_name,
    quote_ident(current_database()) as quoted_database,
    has_database_privilege(current_database(), 'create') as database,
    (select has_schema_privilege(oid, 'create') and has_schema_privilege(oid, 'usage')
     from pg_namespace where nspname = 'mivaa') as mivaa,
    (select has_schema_privilege(oid, 'create') and has_schema_privilege(oid, 'usage')
     from pg_namespace where nspname = 'public') as public
"""


def _check_vector(connection: Connection) -> None:
    vector = connection.execute(sa.text(_VECTOR)).mappings().one()
    installed, available = vector["installed"], vector["available"]
    if installed is None and available is None:
        raise VectorMissing(major=vector["major"])
    if version_of(installed or available) < OLDEST_VECTOR:
        if installed and available and version_of(available) >= OLDEST_VECTOR:
            remedy = (
                f"Run, as its owner: alter extension vector update; (the server has {available})"
            )
        else:
            remedy = "Install a later pgvector on the server"
            remedy += ", then run: alter extension vector update;" if installed else "."
        raise VectorTooOld(found=installed or available, remedy=remedy)
    if installed and vector["schema"] not in ("extensions", "public"):
        raise VectorElsewhere(schema=vector["schema"])
    if not installed and not vector["creatable"]:
        raise VectorNotCreatable(user=vector["user"], database=vector["database"])


# Supabase's supautils lets users that are no superusers create the extensions that it lists.
_VECTOR = """
select
    (select extversion from pg_extension where extname = 'vector') as installed,
    (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace
     where e.extname = 'vector') as schema,
    (select default_version from pg_available_extensions where name = 'vector') as available,
    (select rolsuper from pg_roles where rolname = current_user)
        or has_database_privilege(current_database(), 'create')
            and coalesce((select bool_or(trusted or not superuser)
                          from pg_available_extension_versions where name = 'vector'), false)
        or coalesce(current_setting('supautils.privileged_extensions', true), '') ~ '\\yvector\\y'
        as creatable,
    current_setting('server_version_num')::int / 10000 as major,
    current_user as user,
    current_database() as database
"""


def _one(connection: Connection, sql: str) -> Any:
    return connection.execute(sa.text(sql)).scalar()
