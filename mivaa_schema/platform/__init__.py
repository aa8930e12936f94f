"""What a server must have, and a stand-in for what Supabase owns: its roles and schema auth."""

from __future__ import annotations

import contextlib
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

import psycopg2
import sqlalchemy as sa

from mivaa_schema.errors import MivaaError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

OLDEST_SERVER = 15
OLDEST_VECTOR = (0, 8)


def _sql(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


# Each part and the file that makes it, in the order in which they build on each other.
PARTS = {
    "role anon": "roles.sql",
    "role authenticated": "roles.sql",
    "role service_role": "roles.sql",
    "schema auth": "auth.sql",
    "auth.users": "auth.users.sql",
    "auth.uid()": "auth.uid.sql",
    "auth.jwt()": "auth.jwt.sql",
    "auth.role()": "auth.role.sql",
}

# Parts that Supabase has but the revisions do not need: no database is refused for them.
EXTRAS = {
    "role authenticator": "roles.sql",
    "role supabase_auth_admin": "roles.sql",
    "schema extensions": "extensions.sql",
}

# Catalogs only: they can be read where USAGE on the schema is missing, when names cannot be.
PARTS_PRESENT = _sql("checks/parts.sql")


class ServerTooOld(MivaaError):
    """The server is PostgreSQL {found}; 15 or later is needed. Upgrade the server, or unset
    DATABASE_URL to use the embedded one.
    """


class ServerReadOnly(MivaaError):
    """The server takes no changes: {reason}. Connect to a primary, in a session that may write."""


class RightMissing(MivaaError):
    """User `{user}` lacks rights on {where}. Let its owner run:
      {remedy}
    or connect as a user who has them.
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
    """pgvector is not installed in database `{database}`, and user `{user}` may not install it.
    Let a superuser run, in that database:
      create extension vector;
    """


class AuthSchemaMissing(MivaaError):
    """The database lacks what Supabase brings and this schema needs: {missing}.
    On a PostgreSQL of your own, install the stand-in once, as a superuser:
      mivaa-schema platform install
    """


class AuthUsersUnfit(MivaaError):
    """The table auth.users is there, but {fault}; expected was a column `id uuid` with a primary
    key or unique constraint of its own. Repair the table before the upgrade.
    """


class PlatformNotPermitted(MivaaError):
    """User `{user}` may not create {part}: {detail}
    Run `mivaa-schema platform install` as a superuser. Nothing was changed.
    """


class PlatformFailed(MivaaError):
    """The stand-in's {part} could not be created ({sqlstate}): {detail}
    Rename or drop what conflicts with it, then run `mivaa-schema platform install` again. Nothing
    was changed.
    """


class PlatformOfAnother(MivaaError):
    """Missing are {missing}, but schema `auth` belongs to `{owner}`, and you are `{user}`.
    Let `{owner}` add them, or run `mivaa-schema platform install` as a superuser. Nothing was
    changed.
    """


def missing(connection: Connection, *, extras: bool = False) -> list[str]:
    """Name the parts of the platform that the database lacks."""
    present = set(connection.execute(sa.text(PARTS_PRESENT)).scalars())
    wanted = PARTS | EXTRAS if extras else PARTS
    return [part for part in wanted if part not in present]


def owner_of_auth(connection: Connection) -> str | None:
    """Name the owner of schema `auth`, None without that schema."""
    sql = "select pg_get_userbyid(nspowner) from pg_namespace where nspname = 'auth'"
    owner: str | None = _value(connection, sql)
    return owner


def is_stand_in(connection: Connection) -> bool:
    """Whether schema `auth` is ours and not a platform's."""
    sql = "select obj_description(to_regnamespace('auth'), 'pg_namespace')"
    return "stand-in by mivaa-schema" in (_value(connection, sql) or "")


def check_server(connection: Connection) -> None:
    """Check that the revisions can run on this database, by reading catalogs only.

    A transaction that this opens is ended again.

    Raises:
        MivaaError: the first thing that is missing, with the next step.
    """
    joined = connection.in_transaction()
    try:
        check_version(_value(connection, "select current_setting('server_version_num')::int"))
        if _value(connection, "select pg_is_in_recovery()"):
            raise ServerReadOnly(reason="it is a standby that replays another server")
        if _value(connection, "select current_setting('transaction_read_only')") == "on":
            raise ServerReadOnly(reason="default_transaction_read_only is on")
        if lacking := missing(connection):
            raise AuthSchemaMissing(missing=", ".join(lacking))
        if fault := _value(connection, _sql("checks/users_fault.sql")):
            raise AuthUsersUnfit(fault=fault)
        rights = connection.execute(sa.text(_sql("checks/lacking_right.sql"))).mappings()
        if lacking_right := rights.one_or_none():
            raise RightMissing(**lacking_right)
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


def _version(text: str) -> tuple[int, ...]:
    """Read the numbers of an extension's version: "0.8.5" is (0, 8, 5)."""
    return tuple(int(figure) for figure in re.findall(r"\d+", text)[:3])


def _check_vector(connection: Connection) -> None:
    vector = connection.execute(sa.text(_sql("checks/vector.sql"))).mappings().one()
    installed, available = vector["installed"], vector["available"]
    if installed is None and available is None:
        raise VectorMissing(major=vector["major"])
    if _version(installed or available) < OLDEST_VECTOR:
        if installed and available and _version(available) >= OLDEST_VECTOR:
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


def install(connection: Connection, *, owner: str | None = None) -> list[str]:
    """Install the parts that are missing, all or none, and leave the others alone.

    Args:
        connection: commits when no transaction is open on it, else joins that one.
        owner: role that will own the new parts of schema `auth`; None for the current one.

    Returns:
        The parts that were installed.

    Raises:
        PlatformOfAnother: schema `auth` is incomplete and belongs to a platform.
        PlatformNotPermitted: the user may not create what is missing.
        PlatformFailed: an object of the database conflicts with what is missing.
    """
    joined = connection.in_transaction()
    with connection.begin_nested() if joined else connection.begin():
        return _install(connection, owner)


def _install(connection: Connection, owner: str | None) -> list[str]:
    lacking = missing(connection, extras=True)
    # A platform that has every part may do without the extras.
    if not lacking or not (PARTS.keys() & lacking or is_stand_in(connection)):
        return []
    # Two at once: the second one waits for the first, then looks again.
    connection.execute(sa.text("select pg_advisory_xact_lock(hashtext('mivaa_schema.platform'))"))
    lacking = missing(connection, extras=True)
    user = _value(connection, "select current_user")
    of_auth = [part for part in lacking if part.startswith("auth.")]
    auth_owner = owner_of_auth(connection) if of_auth else None
    if auth_owner and not _value(connection, "select has_schema_privilege('auth', 'create')"):
        raise PlatformOfAnother(missing=", ".join(of_auth), owner=auth_owner, user=user)
    done = set()
    for part in lacking:
        file = (PARTS | EXTRAS)[part]
        if file not in done:
            _run(connection, file, part, user)
            done.add(file)
    if owner is not None:
        quoted = connection.dialect.identifier_preparer.quote(owner)
        for part in lacking:
            if part == "schema auth" or part in of_auth:
                kind = "function " if part.endswith("()") else "table " if part in of_auth else ""
                connection.exec_driver_sql(f"alter {kind}{part} owner to {quoted}")
    return lacking


def _run(connection: Connection, file: str, part: str, user: str) -> None:
    """Run the file that creates a part."""
    sql = _sql(file)
    # Straight to the driver: SQLAlchemy would read % and :name in the text.
    with contextlib.closing(connection.connection.cursor()) as cursor:
        try:
            cursor.execute(sql)
        except psycopg2.errors.InsufficientPrivilege as error:
            detail = f"{error.diag.message_primary}."
            raise PlatformNotPermitted(user=user, part=part, detail=detail) from None
        except psycopg2.Error as error:
            detail = f"{error.diag.message_primary or error}."
            raise PlatformFailed(part=part, sqlstate=error.pgcode, detail=detail) from None


def _value(connection: Connection, sql: str) -> Any:
    return connection.execute(sa.text(sql)).scalar()
