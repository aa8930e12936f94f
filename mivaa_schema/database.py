"""The way to a database: its address, a connection to it, and what it must have."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import psycopg2
import psycopg2.extensions
import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from mivaa_schema import platform
from mivaa_schema.errors import (
    AuthSchemaMissing,
    AuthUsersUnfit,
    CannotConnect,
    ConnectionRefusedByRules,
    DatabaseFailed,
    HostUnreachable,
    MalformedUrl,
    MivaaError,
    NoAuthRight,
    NoCreateRight,
    NoSuchDatabase,
    OtherDriver,
    ServerReadOnly,
    ServerTooOld,
    TooManyConnections,
    VectorElsewhere,
    VectorMissing,
    VectorNotCreatable,
    VectorTooOld,
    WrongPassword,
)
from mivaa_schema.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mivaa_schema.settings import Settings

OLDEST_SERVER = 15
OLDEST_VECTOR = (0, 8)
APPLICATION_NAME = "mivaa-schema"
CONNECT_TIMEOUT = 10

DRIVER = "postgresql+psycopg2"
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

POOLER_HINTS = frozenset({"pgbouncer", "pool_mode", "connection_limit", "pool_timeout", "supa"})
"""What other clients (Prisma above all) write in an address about the pooler that it leads to.

libpq knows none of it. It stays readable in the URL, and no driver sees it.
"""


# Addresses


def database_url(text: str) -> URL:
    """Read a database address in any spelling that people use.

    These are `postgres://`, `postgresql://` and `postgresql+psycopg2://` with hosts, ports,
    options or a socket folder as libpq takes them, and libpq's `host=... dbname=...`. A password
    may be percent-encoded or, where only one reading is possible, written as it is. In a URL the
    hints of other clients about a pooler (`POOLER_HINTS`) may stand too.

    Returns:
        The address for the psycopg2 driver of SQLAlchemy.

    Raises:
        MalformedUrl: it cannot be read.
        OtherDriver: it names another driver or database.

    """
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


def server_name(url: URL) -> str:
    """Host and port of an address, for messages."""
    host = url.host or str(url.query.get("host") or "the local socket")
    port = url.port or url.query.get("port")
    return f"{host}:{port}" if port else host


# Connections


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
        engine = create_engine(database_url(settings.url))
        with connect(engine):
            return engine
    server = EmbeddedServer(settings.home)
    server.start()
    engine = create_engine(database_url(server.url()))
    with connect(engine) as connection:
        platform.install(connection)
    return engine


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


# What the database must have


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
        _check_auth(connection)
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


def _check_auth(connection: Connection) -> None:
    missing = platform.missing(connection)
    if missing:
        raise AuthSchemaMissing(missing=", ".join(missing))
    fault = _one(connection, _USERS_FAULT)
    if fault:
        raise AuthUsersUnfit(fault=fault)


# A foreign key needs a column of the right type and a key on it alone.
_USERS_FAULT = """
select case
    when a.attnum is null then 'has no column id'
    when a.atttypid <> 'uuid'::regtype then 'its id is ' || format_type(a.atttypid, a.atttypmod)
    when not exists (
        select from pg_index i
        where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate
            and i.indpred is null and i.indnkeyatts = 1 and i.indkey[0] = a.attnum
    ) then 'its id is no key'
end
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attname = 'id' and not a.attisdropped
where n.nspname = 'auth' and c.relname = 'users'
"""


def _check_rights(connection: Connection) -> None:
    rights = connection.execute(sa.text(_RIGHTS)).mappings().one()
    user, name = rights["user"], rights["quoted_user"]
    if not rights["database"] and not rights["mivaa"]:
        raise NoCreateRight(
            user=user,
            where=f"database `{rights['database_name']}` (the schema mivaa)",
            remedy=f"grant create on database {rights['quoted_database']} to {name};",
        )
    if rights["mivaa"] is False:
        raise NoCreateRight(
            user=user,
            where="schema `mivaa`",
            remedy=f"grant usage, create on schema mivaa to {name};",
        )
    if not rights["public"]:
        raise NoCreateRight(
            user=user,
            where="schema `public`",
            remedy=f"grant usage, create on schema public to {name};",
        )
    if not rights["auth"]:
        raise NoAuthRight(
            user=user,
            missing="USAGE on schema auth",
            remedy=f"grant usage on schema auth to {name};",
        )
    if not rights["users"]:
        raise NoAuthRight(
            user=user, missing="REFERENCES", remedy=f"grant references on auth.users to {name};"
        )


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
     from pg_namespace where nspname = 'public') as public,
    (select has_schema_privilege(oid, 'usage') from pg_namespace where nspname = 'auth') as auth,
    (select has_column_privilege(c.oid, 'id', 'references')
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'auth' and c.relname = 'users') as users
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
