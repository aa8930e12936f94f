"""The database of a run: its address, an engine, and the connection on which a command works."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, QueuePool

from mivaa_schema import platform
from mivaa_schema.errors import MivaaError
from mivaa_schema.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg2.extensions
    from sqlalchemy.engine import Dialect

    from mivaa_schema.server import EmbeddedServer

DRIVER = "postgresql+psycopg2"

_HOME = "mivaa_home"
"""Execution option of an engine for the embedded server: its folder."""

POOLER_HINTS = frozenset({"pgbouncer", "pool_mode", "connection_limit", "pool_timeout", "supa"})
"""Options for other clients (mostly Prisma) in an address; the URL keeps them, no driver gets them.
"""


class TwoTargets(MivaaError):
    """DATABASE_URL names {environment}, and sqlalchemy.url of the Alembic configuration names
    {configured}; expected was one of them, or the same. Say which with `-x url=`, or remove one.
    Nothing was changed.
    """


class BadConnection(MivaaError):
    """The connection in config.attributes["connection"] cannot be used: {reason}. Hand over an
    Engine, or a psycopg2 connection to PostgreSQL on which no transaction is open (call its
    commit() or rollback() first). Nothing was changed.
    """


def database_url(text: str) -> URL:
    """Read a database address in any spelling that people use.

    These are `postgres://`, `postgresql://` and `postgresql+psycopg2://` with hosts, ports,
    options or a socket folder as libpq takes them, and libpq's `host=... dbname=...`. A password
    may be percent-encoded or, where only one reading is possible, written as it is. A URL may
    have `POOLER_HINTS` too.

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


def create_engine(url: URL | str, *, pooled: bool = False) -> Engine:
    """Make an engine whose sessions find `vector` in either schema.

    Every session has the search path `public, extensions`: new objects go to `public` whatever
    the role's own setting is, and types of extensions are found.

    Args:
        url: The address.
        pooled: Whether connections are kept; each is tried before it is used again.
    """
    options = {"poolclass": QueuePool, "pool_pre_ping": True} if pooled else {}
    engine = plain_engine(database_url(url) if isinstance(url, str) else url, **options)

    # Before SQLAlchemy's own listener, which asks for the default schema at the first connection.
    @event.listens_for(engine, "connect", insert=True)
    def set_search_path(
        connection: psycopg2.extensions.connection, _entry: ConnectionPoolEntry
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute("set session search_path = public, extensions")
        connection.commit()

    return engine


def embedded_engine(
    server: EmbeddedServer,
    database: str = "postgres",
    user: str | None = None,
    *,
    pooled: bool = False,
) -> Engine:
    """Make an engine for the embedded server, whatever PG* variables are set.

    Args:
        server: It runs.
        database: Name of the database.
        user: Role to connect as; the superuser without it.
        pooled: As for :func:`create_engine`.
    """
    # Imported here because it is an extra: applications have a server already.
    from mivaa_schema.server import without_pg_variables

    url = sa.make_url(server.url(database, user)).set(drivername=DRIVER)
    engine = create_engine(url, pooled=pooled)
    engine.update_execution_options(**{_HOME: str(server.home)})

    @event.listens_for(engine, "do_connect")
    def connect_plainly(
        dialect: Dialect, _entry: ConnectionPoolEntry, args: list[Any], options: dict[str, Any]
    ) -> object:
        with without_pg_variables():
            return dialect.connect(*args, **options)

    return engine


def plain_engine(url: URL, **options: Any) -> Engine:
    """Make an engine whose sessions are as the server gives them; without a pool, if not told.

    Args:
        url: the address; hints about a pooler are left out of `engine.url`.
        options: further arguments of :func:`sqlalchemy.create_engine`.
    """
    url = url.difference_update_query(POOLER_HINTS)
    arguments = {"application_name": "mivaa-schema", "connect_timeout": 10}
    return sa.create_engine(
        url,
        connect_args={name: value for name, value in arguments.items() if name not in url.query},
        **{"poolclass": NullPool, **options},
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


def place(engine: Engine) -> str:
    """Where a database is, in words: a server, or the folder of the embedded one."""
    home = engine.get_execution_options().get(_HOME)
    return f"the embedded server in {home}" if home else server_name(engine.url)


def on_embedded(engine: Engine) -> bool:
    """Whether an engine is that of the embedded server."""
    return _HOME in engine.get_execution_options()


def open_engine(settings: Settings, *, pooled: bool = True) -> Engine:
    """Reach the database of the settings, or start the embedded server and complete its platform.

    Args:
        settings: They name the database.
        pooled: Whether connections are kept, as an application wants it: to connect costs many
            times what a search does. A command ends its session when its work is done.

    Raises:
        TransactionPooler: the address leads through one.
        MivaaError: the database cannot be reached; nothing was changed then.
    """
    if settings.url is not None:
        # Imported here because the embedded server, the default, does without it.
        from mivaa_schema.database import pooler

        url = database_url(settings.url)
        pooler.refuse_transaction_pooler(url, settings.pooler)
        engine = create_engine(url, pooled=pooled)
        with connect(engine):
            return engine
    # Imported here because it is an extra: applications have a server already.
    from mivaa_schema.server import EmbeddedServer

    server = EmbeddedServer(settings.home)
    server.start()
    engine = embedded_engine(server, pooled=pooled)
    with connect(engine) as connection:
        platform.install(connection)
    return engine


def resolve_settings(
    x: Mapping[str, str], environ: Mapping[str, str], configured: str | None
) -> Settings:
    """The settings of a run, with the configured database if neither names one.

    The database is that of ``-x url=``, else that of DATABASE_URL or ``sqlalchemy.url`` (which
    must agree where both are set), else the embedded server.

    Args:
        x: The ``-x`` arguments.
        environ: The environment.
        configured: ``sqlalchemy.url`` of the Alembic configuration.

    Raises:
        TwoTargets: DATABASE_URL and ``sqlalchemy.url`` name different databases.
        MivaaError: A setting or an address cannot be read.
    """
    settings = Settings.resolve(x, environ)
    if "url" in x or not configured:
        return settings
    if settings.url is not None and database_url(settings.url) != database_url(configured):
        urls = [str(database_url(url)) for url in (settings.url, configured)]
        raise TwoTargets(environment=urls[0], configured=urls[1])
    return dataclasses.replace(settings, url=configured)


@contextlib.contextmanager
def connection_of(settings: Settings, given: object, *, changes: bool) -> Iterator[Connection]:
    """The connection on which an Alembic command works.

    Args:
        settings: Of :func:`resolve_settings`.
        given: ``config.attributes["connection"]``: an engine, a connection, or None for the
            database of the settings.
        changes: Whether the command ends transactions; a command that only reads can run in the
            caller's transaction.

    Raises:
        BadConnection: What the caller gave is no connection, or has a transaction open.
        MivaaError: The database cannot be reached.
    """
    given = open_engine(settings, pooled=False) if given is None else given
    if isinstance(given, Engine):
        with connect(given) as connection:
            _refuse_autocommit(connection)
            yield connection
    elif not isinstance(given, Connection):
        raise BadConnection(reason=f"it is a {type(given).__name__}")
    elif given.dialect.name != "postgresql":
        raise BadConnection(reason=f"it leads to {given.dialect.name}")
    elif not changes:
        yield given
    elif given.in_transaction():
        raise BadConnection(reason="a transaction is open, and each revision has its own")
    else:
        _refuse_autocommit(given)
        with _restored(given):
            yield given


def _refuse_autocommit(connection: Connection) -> None:
    # PostgreSQL knows no such isolation level, so the dialect does not name it.
    if getattr(connection.connection.dbapi_connection, "autocommit", False):
        raise BadConnection(reason="it is in AUTOCOMMIT, where a revision has no transaction")


_CHANGED_SETTINGS = """
select name, current_setting(name) from pg_catalog.pg_settings where name in (
    'lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout',
    'idle_session_timeout', 'transaction_timeout', 'client_connection_check_interval',
    'client_min_messages', 'search_path', 'quote_all_identifiers')
"""


@contextlib.contextmanager
def _restored(connection: Connection) -> Iterator[None]:
    """Restore the settings of the caller's session."""
    former = connection.execute(sa.text(_CHANGED_SETTINGS)).all()
    connection.commit()
    try:
        yield
    finally:
        with contextlib.suppress(exc.SQLAlchemyError):
            connection.rollback()
            restore = sa.text("select set_config(:name, :value, false)")
            for name, value in former:
                connection.execute(restore, {"name": name, "value": value})
            connection.commit()


def explain(error: exc.DBAPIError, url: URL) -> MivaaError:
    """Turn a driver's error into one that says what is wrong and what to do next."""
    # Imported here because most runs do without it.
    from mivaa_schema.database import failures

    return failures.explain(error, url)


LOCK_TIMEOUT = "2s"
_LOCK_NOT_AVAILABLE = "55P03"


class TableLocked(MivaaError):
    """A table could not be read: a lock was not granted within {seconds}. Blocked by: {blockers}.
    Nothing was changed. Try again when that transaction is over.
    """


@contextlib.contextmanager
def rolled_back(connection: Connection, *, read_only: bool = True) -> Iterator[None]:
    """A transaction, or a savepoint of the one that is open, that is rolled back at the end.

    Args:
        connection: A transaction that is open on it stays open.
        read_only: Whether the block may change nothing, not even temporary tables.

    Raises:
        TableLocked: Another session holds, or waits for, ACCESS EXCLUSIVE on a table.
        MivaaError: The database refused a statement, or the connection was lost.
    """
    is_joined = connection.in_transaction()
    transaction = connection.begin_nested() if is_joined else connection.begin()
    try:
        if read_only:
            connection.exec_driver_sql("set transaction read only")
        connection.exec_driver_sql(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
        yield
    except exc.DBAPIError as error:
        if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
            raise explain(error, connection.engine.url) from error
        transaction.rollback()
        blockers = "; ".join(connection.execute(sa.text(_BLOCKERS)).scalars()) or "nobody any more"
        if not is_joined:
            connection.rollback()
        raise TableLocked(seconds=LOCK_TIMEOUT, blockers=blockers) from error
    finally:
        if transaction.is_active:
            transaction.rollback()


# Only this lock stops a reader. One that is waited for stops those who come later, too.
_BLOCKERS = """
select format('process %s (%s) on %s%s, last query: %s', l.pid,
  coalesce(nullif(a.application_name, ''), 'no application name'), l.relation::regclass,
  case when l.granted then '' else ', which waits itself' end,
  regexp_replace(left(a.query, 200), '\\s+', ' ', 'g'))
from pg_catalog.pg_locks l left join pg_catalog.pg_stat_activity a using (pid)
where l.mode = 'AccessExclusiveLock' and l.relation is not null
  and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
order by l.granted desc, l.pid limit 5
"""
