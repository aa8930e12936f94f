"""What a driver's error means, and what to do next."""

from __future__ import annotations

import re

from sqlalchemy import exc
from sqlalchemy.engine import URL

from mivaa_schema.database import server_name
from mivaa_schema.errors import MivaaError


class CannotConnect(MivaaError):
    """No connection to {server}: {detail}
    Check the address in DATABASE_URL (or `-x url=`) and that the server is up.
    """


class HostUnreachable(MivaaError):
    """No PostgreSQL answers at {server}: {detail}
    Check host and port in DATABASE_URL (or `-x url=`), that the server is up, and that no firewall
    stands between.
    """


class WrongPassword(MivaaError):
    """The server {server} refuses user `{user}`: {detail}
    Check user and password in DATABASE_URL (or `-x url=`); the characters @ : / ? # % of a
    password are written %40 %3A %2F %3F %23 %25.
    """


class NoSuchDatabase(MivaaError):
    """There is no database `{database}` on {server}. Create it (`createdb {database}`), or correct
    the name at the end of DATABASE_URL (or `-x url=`).
    """


class ConnectionRefusedByRules(MivaaError):
    """The server {server} does not let user `{user}` in from here: {detail}
    Ask for a line in its pg_hba.conf, or try `?sslmode=require` at the end of the address.
    """


class TooManyConnections(MivaaError):
    """The server {server} has no free connection: {detail}
    Close some, or wait, and try again.
    """


class DatabaseFailed(MivaaError):
    """The database {server} refused a statement ({sqlstate}): {detail}"""


# libpq has no code for a failed connection, so its words must do; server messages can come in
# other languages, and then the general error shows them as they are.
_FAILURES: tuple[tuple[type[MivaaError], str], ...] = (
    (
        WrongPassword,
        (
            "password authentication failed|no password supplied|authentication failed for user"
            '|role ".*" does not exist|Tenant or user not found'
        ),
    ),
    (NoSuchDatabase, 'database ".*" does not exist'),
    (
        ConnectionRefusedByRules,
        (
            "no pg_hba.conf entry|permission denied for database|not permitted to log in"
            "|not currently accepting connections"
        ),
    ),
    (
        TooManyConnections,
        (
            "too many clients|connection slots|too many connections"
            "|query_wait_timeout|max clients reached"
        ),
    ),
    (
        HostUnreachable,
        (
            "could not translate host name|Connection refused|timeout expired|timed out"
            "|No such file or directory|No route to host|Network is unreachable"
        ),
    ),
)


def explain(error: exc.DBAPIError, url: URL) -> MivaaError:
    """Turn a driver's error into one that says what is wrong and what to do next."""
    detail = re.sub(r"\s+", " ", str(error.orig)).strip()
    detail = detail if detail.endswith((".", "?", "!")) else f"{detail}."
    sqlstate = getattr(error.orig, "pgcode", None)
    if sqlstate:
        return DatabaseFailed(server=server_name(url), sqlstate=sqlstate, detail=detail)
    fields = {
        "server": server_name(url),
        "detail": detail,
        "user": url.username or "(the system's user)",
        "database": url.database or url.username or "(of the user's name)",
    }
    for kind, pattern in _FAILURES:
        if re.search(pattern, detail):
            return kind(**fields)
    return CannotConnect(**fields)
