"""What a guarded session of the database is told: who is asking, and at the end to forget it all.

Whoever may send SQL of their own can prepare a statement under the name that a driver has chosen,
put a schema before pg_catalog, or change how literals are read. So all of this is sent as text that
is never prepared, with qualified names and operators and with literals that are read alike under
every setting.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import exc

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Dialect
    from sqlalchemy.engine.interfaces import DBAPIConnection

    from mivaa_schema.identity.claims import Identity

_STATE = "mivaa_session"
"""Key of the state of a session in the dictionary that SQLAlchemy keeps beside its connection."""


class SessionState(NamedTuple):
    """A session as its application has made it, before anybody else had it.

    Attributes:
        path: Its search path, in which the schema of temporary objects comes last.
        settings: What was set since it was opened, by name.
    """

    path: str
    settings: dict[str, str]


_QUOTED = re.compile(
    r"""(?<!\w)[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"(?:[^"]|"")*\"
    |(?<![\w$])(?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag)|--[^\n]*|/\*.*?\*/""",
    re.DOTALL | re.VERBOSE,
)
_CHAIN = re.compile(r"\band\s+chain\b", re.IGNORECASE)
_ENDS = re.compile(
    r"\s*(?:commit|end|abort|begin|start|prepare\s+transaction"
    r"|rollback(?!\s+(?:(?:work|transaction)\s+)?to\b))\b",
    re.IGNORECASE,
)


def goes_on_without_identity(statement: str) -> bool:
    """Whether a text ends its transaction and goes on in another one.

    So do ``commit and chain``, and ``commit; select ...`` in one text. Quotes and comments are left
    out as PostgreSQL reads them by default; who sends SQL to mislead it is kept by the rights of
    the login role alone.
    """
    if ";" not in statement and "chain" not in statement.lower():
        return False
    bare = _QUOTED.sub(" ", statement)
    parts = [part for part in bare.split(";") if part.strip()]
    return bool(_CHAIN.search(bare)) or (len(parts) > 1 and any(map(_ENDS.match, parts)))


def literal(text: str) -> str:
    """A literal of SQL, in plain ASCII: whatever the encoding and ``standard_conforming_strings``.

    Args:
        text: Without the character of code 0.
    """
    written = text.replace("\\", "\\\\").replace("'", "''")
    return "E'" + "".join(c if c < "\x80" else f"\\U{ord(c):08X}" for c in written) + "'"


def become(connection: Connection, identity: Identity) -> None:
    """Give the transaction that begins an identity.

    Everything is set each time, whatever the last transaction left behind, and the older settings
    of single claims too, because the database reads them first. Temporary tables stay with a
    session, so the path ends with pg_temp: one of them must not hide a table of ours.

    Raises:
        sqlalchemy.exc.DBAPIError: The database refuses it.
    """
    state = connection.info.get(_STATE)
    if state is None:
        state = connection.info[_STATE] = _read_state(connection)
    values = {
        "request.jwt.claims": identity.claims_json,
        "request.headers": identity.headers_json,
        "request.jwt.claim": "",
        "request.jwt.claim.sub": "",
        "request.jwt.claim.role": "",
        "request.jwt.claim.email": "",
        "search_path": state.path,
        # The last one, because it may take the right to set the others.
        "role": identity.role,
    }
    send(connection, f"select {_settings(values, local=True)}")


def clean(dbapi_connection: DBAPIConnection, info: dict[str, Any], dialect: Dialect) -> None:
    """Make a session forget what a request did in it, before it goes back to the pool.

    Prepared statements, cursors, LISTEN, advisory locks, temporary objects and sequences are gone,
    and settings are what the application had set before its first request. One round trip.
    """
    state: SessionState | None = info.get(_STATE)
    if state is None:
        return
    text = _FORGET
    if state.settings:
        text += f"; select {_settings(state.settings, local=False)}"
    dbapi_connection.rollback()
    own: Any = dbapi_connection
    if dialect.driver == "asyncpg":
        _run_async(own, text)
        # What they know by name was deallocated: statements of SQLAlchemy, and asyncpg's own about
        # types. Neither has a public call that forgets these and nothing else.
        if own._prepared_statement_cache is not None:
            own._prepared_statement_cache.clear()
        own.driver_connection._drop_local_statement_cache()
        return
    own.autocommit = True
    try:
        cursor = own.cursor()
        cursor.execute(text)
        cursor.close()
    finally:
        own.autocommit = False


def send(connection: Connection, text: str) -> None:
    """Send a statement in the transaction of a connection, without preparing it."""
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.driver == "asyncpg":
        try:
            _run_async(raw, text, begin=True)
        except Exception as error:
            raise _as_dbapi_error(connection, raw, text, error) from error
    elif connection.dialect.driver == "psycopg":
        driver: Any = connection.connection.driver_connection
        threshold, driver.prepare_threshold = driver.prepare_threshold, None
        try:
            _execute(connection, text)
        finally:
            driver.prepare_threshold = threshold
    else:
        _execute(connection, text)


def _execute(connection: Connection, text: str) -> None:
    connection.exec_driver_sql(text, execution_options={"no_parameters": True}).close()


def _run_async(raw: Any, text: str, *, begin: bool = False) -> None:
    async def run(driver: Any) -> None:
        if begin and not driver.is_in_transaction():
            # SQLAlchemy begins with the first statement that it prepares itself.
            await raw._start_transaction()
        await driver.execute(text)

    raw.run_async(run)


def _as_dbapi_error(connection: Connection, raw: Any, text: str, error: Exception) -> Exception:
    """The error that SQLAlchemy would raise for an error of asyncpg."""
    if raw.driver_connection.is_closed():
        connection.invalidate(error)
    if getattr(error, "sqlstate", None) is None:
        return error
    found: Exception = exc.DBAPIError(text, None, error)
    return found


def _settings(values: dict[str, str], *, local: bool) -> str:
    return ", ".join(
        f"pg_catalog.set_config({literal(name)}, {literal(value)}, {'true' if local else 'false'})"
        for name, value in values.items()
    )


_FORGET = "; ".join(
    (
        "set session authorization default",
        "reset role",
        "reset all",
        "deallocate all",
        "close all",
        "unlisten *",
        "select pg_catalog.pg_advisory_unlock_all()",
        "discard temp",
        "discard sequences",
    )
)

_READ = """
select name, setting, source operator(pg_catalog.=) 'session' from pg_catalog.pg_settings
where name operator(pg_catalog.=) 'search_path'
  or source operator(pg_catalog.=) 'session'
  and name operator(pg_catalog.<>) all (array['role', 'session_authorization'])
"""


def _read_state(connection: Connection) -> SessionState:
    rows = connection.exec_driver_sql(_READ, execution_options={"no_parameters": True}).all()
    path = next(value for name, value, _ in rows if name == "search_path")
    names = [name.strip() for name in path.split(",")]
    kept = [name for name in names if name and name.strip('"') != "pg_temp"]
    settings = {name: value for name, value, is_of_session in rows if is_of_session}
    return SessionState(", ".join((*kept, "pg_temp")), settings)
