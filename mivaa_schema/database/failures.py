"""What a driver's error means, and what to do next."""

from __future__ import annotations

import re

from sqlalchemy import exc
from sqlalchemy.engine import URL

from mivaa_schema.database import server_name
from mivaa_schema.errors import MivaaError


class CannotConnect(MivaaError):
    """No connection to {server} as user `{user}`: {detail}
    {remedy}
    """


class DatabaseFailed(MivaaError):
    """The database {server} refused a statement ({sqlstate}): {detail}"""


# libpq has no code for a failed connection, so the words of its message decide. Messages of a
# server can be in other languages; they come with the general remedy.
_REMEDIES = {
    "password authentication failed|no password supplied|authentication failed for user"
    '|role ".*" does not exist|Tenant or user not found': (
        "Check user and password in DATABASE_URL (or `-x url=`); the characters @ : / ? # % of a"
        " password are written %40 %3A %2F %3F %23 %25."
    ),
    'database ".*" does not exist': (
        "Create the database (`createdb`), or correct its name at the end of DATABASE_URL (or"
        " `-x url=`)."
    ),
    "no pg_hba.conf entry|permission denied for database|not permitted to log in"
    "|not currently accepting connections": (
        "Ask for a line in the server's pg_hba.conf or for the right to log in, or try"
        " `?sslmode=require` at the end of the address."
    ),
    "too many clients|connection slots|too many connections"
    "|query_wait_timeout|max clients reached": (
        "The server has no free connection: close some, or wait, and try again."
    ),
    "No space left on device|could not write init file": (
        "Free some space on the disk of the server, and try again."
    ),
    "could not translate host name|Connection refused|timeout expired|timed out"
    "|No such file or directory|No route to host|Network is unreachable": (
        "Check host and port in DATABASE_URL (or `-x url=`), that the server is up, and that no"
        " firewall stands between."
    ),
    "": "Check the address in DATABASE_URL (or `-x url=`) and that the server is up.",
}


def explain(error: exc.DBAPIError, url: URL) -> MivaaError:
    """Turn a driver's error into one that says what is wrong and what to do next."""
    detail = re.sub(r"\s+", " ", str(error.orig)).strip()
    detail = detail if detail.endswith((".", "?", "!")) else f"{detail}."
    sqlstate = getattr(error.orig, "pgcode", None)
    if sqlstate:
        return DatabaseFailed(server=server_name(url), sqlstate=sqlstate, detail=detail)
    remedy = next(text for words, text in _REMEDIES.items() if re.search(words, detail))
    user = url.username or "(the system's user)"
    return CannotConnect(server=server_name(url), user=user, detail=detail, remedy=remedy)
