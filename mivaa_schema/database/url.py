"""Reads a database address in any spelling that people use."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes

import psycopg2
import psycopg2.extensions
from sqlalchemy.engine import URL

from mivaa_schema.database import DRIVER, POOLER_HINTS
from mivaa_schema.errors import MivaaError

_SCHEMES = {"postgres", "postgresql", "postgres+psycopg2", DRIVER}

# What may follow the user: hosts with ports, a database, options. Strict, because it decides
# which of several @ ends the password.
_PLACE = re.compile(
    r"""(?P<hosts> (?: \[[0-9A-Fa-f:.%]+\] | [A-Za-z0-9._%-]* ) (?: :\d* )?
               (?: , (?: \[[0-9A-Fa-f:.%]+\] | [A-Za-z0-9._%-]* ) (?: :\d* )? )* )
        (?: / (?P<database> [^/?@]* ) )?
        (?: \? (?P<options> (?: \w+ = [^&]* (?: & | $ ) )* ) )?""",
    re.VERBOSE,
)
_HOST = re.compile(r"(?P<host>\[.*\]|[^:]*)(?::(?P<port>\d*))?")


class MalformedUrl(MivaaError):
    """The database address cannot be read: {reason}.
    Expected was postgresql://user:password@host:5432/database, with the characters @ : / ? # %
    of a password written as %40 %3A %2F %3F %23 %25. Correct DATABASE_URL (or `-x url=`).
    """


class OtherDriver(MivaaError):
    """The database address begins with `{scheme}://`, but the driver used here is psycopg2.
    Begin it with postgresql:// or postgresql+psycopg2://; the rest may stay as it is.
    """


def read(text: str) -> URL:
    """As :func:`mivaa_schema.database.database_url` says."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    scheme, mark, rest = text.partition("://")
    if mark and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.:-]*", scheme):
        if scheme.lower() not in _SCHEMES:
            raise OtherDriver(scheme=scheme)
        return _from_url(rest)
    if re.match(r"\w+\s*=", text):
        return _from_keywords(text)
    raise MalformedUrl(
        reason="it begins neither with postgresql:// nor with a keyword such as host="
    )


def _from_url(rest: str) -> URL:
    # The first @ after which the rest makes sense ends the password.
    cuts = [-1, *(found.start() for found in re.finditer("@", rest))]
    for cut in cuts:
        place = _PLACE.fullmatch(rest[cut + 1 :])
        if place:
            break
    else:
        raise MalformedUrl(reason=f"what follows {'the last @' if '@' in rest else '://'} is no "
                           "host:port/database?name=value")  # fmt: skip
    user, colon, password = rest[: max(cut, 0)].partition(":")
    parts: dict[str, str] = {}
    if user:
        parts["user"] = _decoded(user)
    if colon:
        parts["password"] = _decoded(password)
    hosts = [found for item in place["hosts"].split(",") if (found := _HOST.fullmatch(item))]
    if any(found["host"] for found in hosts):
        parts["host"] = ",".join(_decoded(found["host"].strip("[]")) for found in hosts)
    if any(found["port"] for found in hosts):
        parts["port"] = ",".join(found["port"] or "" for found in hosts)
    if place["database"]:
        parts["dbname"] = _decoded(place["database"])
    for option in filter(None, (place["options"] or "").split("&")):
        name, _, value = option.partition("=")
        # SQLAlchemy's habit, where libpq would see a plus sign: no server option holds one.
        value = value.replace("+", " ") if name == "options" else value
        parts["dbname" if name == "database" else _decoded(name)] = _decoded(value)
    return _url(parts)


def _from_keywords(text: str) -> URL:
    try:
        parts = psycopg2.extensions.parse_dsn(text)
    except psycopg2.Error:
        # libpq's message quotes the part that it stumbled over: it can be the password.
        raise MalformedUrl(
            reason="it is no list of keyword=value (a value with spaces or quotes is written "
            "'...', a quote or backslash in it with a backslash before it)"
        ) from None
    return _url({name: str(value) for name, value in parts.items()})


def _decoded(text: str) -> str:
    """Undo percent-encoding; text that nobody can have encoded stays as it is."""
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return text


def _url(parts: dict[str, str]) -> URL:
    for name in (name for name in parts if name not in POOLER_HINTS):
        try:
            psycopg2.extensions.parse_dsn(f"{name}=1")
        except psycopg2.Error:
            raise MalformedUrl(reason=f"PostgreSQL has no connection option `{name}`") from None
    port = parts.get("port", "")
    for one in filter(None, port.split(",")):
        if not one.isdigit() or not 0 < int(one) < 65536:
            raise MalformedUrl(reason=f"a port is a number from 1 to 65535, not {one!r}")
    query = {k: v for k, v in parts.items() if k not in ("user", "password", "dbname")}
    host = parts.get("host", "")
    if host and not host.startswith(("/", "@")) and "," not in host and "," not in port:
        query.pop("host")
        query.pop("port", None)
        single: dict[str, Any] = {"host": host, "port": int(port) if port else None}
    else:
        # Sockets and lists of hosts go to libpq as they are.
        single = {}
    return URL.create(
        DRIVER,
        username=parts.get("user"),
        password=parts.get("password"),
        database=parts.get("dbname"),
        query=query,
        **single,
    )
