"""The database of a run: which one it is, and never through a transaction pooler."""

# The names say what failed and the docstrings are messages, not summaries.

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import set_wait_callback
from psycopg2.extras import wait_select
from sqlalchemy import exc, text
from sqlalchemy.engine import URL, Connection, Engine

from mivaa_schema import database
from mivaa_schema.database import connect, database_url, explain, plain_engine, server_name
from mivaa_schema.errors import MivaaError
from mivaa_schema.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alembic.config import Config

_ROUNDS = 5

_ANYWHERE = (
    "on Supabase that is port 5432 instead of 6543, on Neon the host without `-pooler`, with"
    " PgBouncer an entry with pool_mode = session"
)
# host, port (None is any), remedy: addresses that are nothing else, by their providers' word.
_KNOWN: tuple[tuple[str, str | None, str], ...] = (
    (r".*\.supabase\.(com|co|net|red)", "6543", "the same address with port 5432 instead of 6543"),
    (r".*-pooler\..*\.neon\.tech", None, "the same address with a host without `-pooler`"),
)


class TransactionPooler(MivaaError):
    """The address {server} leads through a transaction pooler: {reason}.
    Behind one, a connection has no session of its own, so the lock that keeps upgrades apart and
    the bounds of their waits would not hold. Nothing was changed. Use the direct address, or a
    session pooler: {remedy}. If connections do keep their session there, say so with
    `-x pooler=session` (or MIVAA_POOLER=session).
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


def resolve_settings(config: Config, x: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """The settings of a run, with the database of the configuration where none else is named.

    The database is, in this order: the connection or engine in ``config.attributes``, ``-x url=``,
    DATABASE_URL or ``sqlalchemy.url`` (which must agree where both are set), the embedded server.

    Raises:
        TwoTargets: DATABASE_URL and ``sqlalchemy.url`` name different databases.
        MivaaError: A setting or an address cannot be read.
    """
    settings = Settings.resolve(x, environ)
    configured = config.get_main_option("sqlalchemy.url")
    if "url" in x or not configured or config.attributes.get("connection") is not None:
        return settings
    if settings.url is not None:
        urls = [database_url(url) for url in (settings.url, configured)]
        if urls[0] != urls[1]:
            environment, other = (url.render_as_string(hide_password=True) for url in urls)
            raise TwoTargets(environment=environment, configured=other)
    return dataclasses.replace(settings, url=configured)


@contextlib.contextmanager
def connection_of(config: Config, settings: Settings, *, changes: bool) -> Iterator[Connection]:
    """The connection on which an Alembic command works.

    Args:
        config: Of Alembic; ``config.attributes["connection"]`` may hold an engine or a connection.
        settings: As :func:`resolve_settings` gives them.
        changes: Whether the command ends transactions; one that only reads can join the caller's.

    Raises:
        BadConnection: What the caller handed over is no connection, or has a transaction open.
        MivaaError: The database cannot be reached.
    """
    if hasattr(config.cmd_opts, "cmd"):
        # Ctrl-C then cancels the statement; else psycopg2 would not see it before its end. It is a
        # setting of the whole process, so only where that is Alembic's own.
        set_wait_callback(wait_select)
    given = config.attributes.get("connection")
    if given is None:
        given = open_engine(settings)
    if isinstance(given, Engine):
        with connect(given) as connection:
            _refuse_autocommit(connection)
            yield connection
        return
    if not isinstance(given, Connection):
        raise BadConnection(reason=f"it is a {type(given).__name__}")
    if given.dialect.name != "postgresql":
        raise BadConnection(reason=f"it leads to {given.dialect.name}")
    if not changes:
        yield given
        return
    if given.in_transaction():
        raise BadConnection(reason="a transaction is open, and each revision has its own")
    _refuse_autocommit(given)
    with _restored(given):
        yield given


def _refuse_autocommit(connection: Connection) -> None:
    # PostgreSQL knows no such isolation level, so the dialect does not name it.
    if getattr(connection.connection.dbapi_connection, "autocommit", False):
        raise BadConnection(reason="it is in AUTOCOMMIT, where a revision has no transaction")


@contextlib.contextmanager
def _restored(connection: Connection) -> Iterator[None]:
    """Give a session of the caller's its settings back."""
    names = {"names": list(_CHANGED_SETTINGS)}
    former = connection.execute(text(_SETTINGS), names).all()
    connection.commit()
    try:
        yield
    finally:
        with contextlib.suppress(exc.SQLAlchemyError):
            connection.rollback()
            for name, value in former:
                restore = text("select set_config(:name, :value, false)")
                connection.execute(restore, {"name": name, "value": value})
            connection.commit()


def refuse_transaction_pooler(url: URL, setting: str = "auto") -> None:
    """Refuse an address behind which a connection does not keep its session.

    What was said is believed: by the setting first, then by the address. Otherwise the database is
    asked on two connections at a time, and nothing is set or changed there. That is best effort: a
    pooler that happens to serve both as a session would is not found. A direct connection and a
    session pooler are never refused.

    Call it before any other session: in `database.create_engine` each one sets its search path,
    which a transaction pooler would hand on to others.

    Args:
        url: the address as `database.database_url` reads it, with hints about a pooler.
        setting: `auto`, `direct`, `session` or `transaction`.

    Raises:
        TransactionPooler: there is one; the reason tells how it was found.
        MivaaError: the database cannot be reached.
    """
    if setting in ("direct", "session"):
        return
    if setting == "transaction":
        reason = "`-x pooler=transaction` (or MIVAA_POOLER) says so"
        raise TransactionPooler(server=server_name(url), reason=reason, remedy=_ANYWHERE)
    found = declared(url) or _observed(url)
    if found:
        reason, remedy = found
        raise TransactionPooler(server=server_name(url), reason=reason, remedy=remedy)


def open_engine(settings: Settings) -> Engine:
    """Reach the database of the settings as `database.open_engine` does, but by no such pooler.

    Raises:
        TransactionPooler: the address leads through one.
        MivaaError: the database cannot be reached; nothing was changed then.
    """
    if settings.url is not None:
        refuse_transaction_pooler(database_url(settings.url), settings.pooler)
    return database.open_engine(settings)


def declared(url: URL) -> tuple[str, str] | None:
    """What the address itself says: reason and remedy, if it is to be refused."""
    if _word(url, "pgbouncer") in ("true", "1", "yes", "on"):
        return "the address says so (`pgbouncer=true`)", _ANYWHERE
    if _word(url, "pool_mode") in ("transaction", "statement"):
        return f"the address says so (`pool_mode={_word(url, 'pool_mode')}`)", _ANYWHERE
    for host, port in _places(url):
        for pattern, known_port, remedy in _KNOWN:
            if re.fullmatch(pattern, host.lower()) and known_port in (None, port):
                return "its host and port are known for it", remedy
    return None


def _word(url: URL, name: str) -> str:
    return str(url.query.get(name, "")).strip().lower()


def _places(url: URL) -> Iterator[tuple[str, str]]:
    """Hosts and ports; libpq takes lists of them, where one port can serve all hosts."""
    hosts = (url.host or str(url.query.get("host", ""))).split(",")
    ports = str(url.port or url.query.get("port", "")).split(",")
    return itertools.zip_longest(hosts, ports, fillvalue=ports[0])


def _observed(url: URL) -> tuple[str, str] | None:
    """Ask which server process serves whom: reason and remedy, if the address is to be refused.

    A connection that stays open keeps its process, and nobody else is served by that one. A
    transaction pooler gives each transaction to a process that is free: the last one that became
    free (then two connections get the same), or the one that is free for longest, or, under load,
    any (then a connection's process changes). Each round brings a new connection, for poolers that
    remember who was served by whom.

    All is asked outside of transactions. So no answer waits for a process that another connection
    of ours holds, however small the pool is, and poolers of single statements are found too.
    """
    # Looking for the type hstore, SQLAlchemy would begin a transaction.
    engine = plain_engine(url, isolation_level="AUTOCOMMIT", use_native_hstore=False)
    try:
        with connect(engine) as kept:
            process = _process(kept)
            for _ in range(_ROUNDS):
                with connect(engine) as new:
                    second = _process(new)
                    if second == process:
                        shared = f"two connections at once had one server process ({second[0]})"
                        return shared, _ANYWHERE
                    for connection, before in ((new, second), (kept, process)):
                        now = _process(connection)
                        if now != before:
                            changed = f"first {before[0]}, then {now[0]}"
                            return f"one connection had two server processes ({changed})", _ANYWHERE
    except exc.DBAPIError as error:
        raise explain(error, engine.url) from error
    return None


def _process(connection: Connection) -> tuple[int, Any]:
    """Number and start of a server process: the number alone can occur on another host too."""
    number, start = connection.exec_driver_sql(_PROCESS).one()
    return number, start


_PROCESS = """
select pid, backend_start from pg_catalog.pg_stat_activity where pid = pg_catalog.pg_backend_pid()
"""

_CHANGED_SETTINGS = (
    "lock_timeout",
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
    "client_connection_check_interval",
    "client_min_messages",
    "search_path",
)

_SETTINGS = """
select name, current_setting(name) from pg_catalog.pg_settings where name = any(:names)
"""
