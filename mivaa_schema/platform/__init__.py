"""A stand-in for what Supabase owns (roles, schema auth), installed only where it is missing."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import psycopg2
import sqlalchemy as sa

from mivaa_schema.errors import MivaaError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

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

# Parts that Supabase has but the chain does not need: never a reason to refuse a database.
EXTRAS = {
    "role authenticator": "roles.sql",
    "role supabase_auth_admin": "roles.sql",
    "schema extensions": "extensions.sql",
}

# Catalogs only: names in a schema that is closed to us cannot be resolved, but they can be read.
PARTS_PRESENT = """
select 'role ' || rolname from pg_catalog.pg_roles
union all
select 'schema ' || nspname from pg_catalog.pg_namespace
union all
select 'auth.' || c.relname from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'auth' and c.relkind in ('r', 'p')
union all
select 'auth.' || p.proname || '()' from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname = 'auth' and p.pronargs = 0
"""


class AuthSchemaMissing(MivaaError):
    """The database lacks what Supabase brings and this schema builds on: {missing}.
    On a PostgreSQL of your own, install the stand-in once, as a superuser:
      mivaa-schema platform install
    """


class AuthUsersUnfit(MivaaError):
    """The table auth.users is there, but {fault}; expected was a column `id uuid` with a primary
    key or unique constraint of its own. Repair the table before the upgrade.
    """


class NoAuthRight(MivaaError):
    """User `{user}` may not refer to auth.users: it lacks {missing}. Let its owner run:
    {remedy}
    """


class PlatformNotPermitted(MivaaError):
    """User `{user}` may not create {part}: {detail}
    Run `mivaa-schema platform install` as a superuser. Nothing was changed.
    """


class PlatformFailed(MivaaError):
    """The stand-in's {part} could not be made ({sqlstate}): {detail}
    Move what is in its way, then run `mivaa-schema platform install` again. Nothing was changed.
    """


class PlatformOfAnother(MivaaError):
    """Missing are {missing}, but schema `auth` belongs to `{owner}`, and you are `{user}`.
    What a platform owns is not ours to complete: let `{owner}` add it, or run
    `mivaa-schema platform install` as a superuser. Nothing was changed.
    """


def missing(connection: Connection, *, extras: bool = False) -> list[str]:
    """Name the parts of the platform that the database lacks."""
    present = set(connection.execute(sa.text(PARTS_PRESENT)).scalars())
    wanted = PARTS | EXTRAS if extras else PARTS
    return [part for part in wanted if part not in present]


def owner_of_auth(connection: Connection) -> str | None:
    """Name the owner of schema `auth`, None without that schema."""
    sql = "select pg_get_userbyid(nspowner) from pg_namespace where nspname = 'auth'"
    return connection.execute(sa.text(sql)).scalar()


def is_stand_in(connection: Connection) -> bool:
    """Whether schema `auth` is ours and not a platform's."""
    sql = "select obj_description(to_regnamespace('auth'), 'pg_namespace')"
    return "stand-in by mivaa-schema" in (connection.execute(sa.text(sql)).scalar() or "")


def check(connection: Connection) -> None:
    """Check that the database has what the chain needs of the platform, and that one may use it.

    Raises:
        AuthSchemaMissing: parts are missing.
        AuthUsersUnfit: no foreign key can refer to auth.users.
        NoAuthRight: the user may not refer to auth.users.
    """
    lacking = missing(connection)
    if lacking:
        raise AuthSchemaMissing(missing=", ".join(lacking))
    fault = connection.execute(sa.text(_USERS_FAULT)).scalar()
    if fault:
        raise AuthUsersUnfit(fault=fault)
    user, name, auth, users = connection.execute(sa.text(_RIGHTS)).one()
    if not auth:
        remedy = f"grant usage on schema auth to {name};"
        raise NoAuthRight(user=user, missing="USAGE on schema auth", remedy=remedy)
    if not users:
        remedy = f"grant references on auth.users to {name};"
        raise NoAuthRight(user=user, missing="REFERENCES", remedy=remedy)


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

_RIGHTS = """
select
    current_user,
    quote_ident(current_user),
    (select has_schema_privilege(oid, 'usage') from pg_namespace where nspname = 'auth'),
    (select has_column_privilege(c.oid, 'id', 'references')
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'auth' and c.relname = 'users')
"""


def install(connection: Connection, *, owner: str | None = None) -> list[str]:
    """Install the parts that are missing, all or none, and leave the others alone.

    Args:
        connection: commits when no transaction is open on it, else joins that one.
        owner: role that shall own the new parts of schema `auth`; the current one without it.

    Returns:
        The parts that were installed.

    Raises:
        PlatformOfAnother: schema `auth` is incomplete and belongs to a platform.
        PlatformNotPermitted: the user may not create what is missing.
        PlatformFailed: something is in the way of what is missing.
    """
    joined = connection.in_transaction()
    with connection.begin_nested() if joined else connection.begin():
        return _install(connection, owner)


def _install(connection: Connection, owner: str | None) -> list[str]:
    lacking = missing(connection, extras=True)
    needed = [part for part in lacking if part in PARTS]
    # A complete platform's extras are its own affair.
    if not lacking or (not needed and not is_stand_in(connection)):
        return []
    # Two at once: the second one waits for the first, then looks again.
    connection.execute(sa.text("select pg_advisory_xact_lock(hashtext('mivaa_schema.platform'))"))
    lacking = missing(connection, extras=True)
    _refuse_if_of_another(connection, lacking)
    files: dict[str, str] = {}
    for part, file in (PARTS | EXTRAS).items():
        if part in lacking:
            files.setdefault(file, part)
    user = str(connection.execute(sa.text("select current_user")).scalar())
    for file, part in files.items():
        _run(connection, file, part, user)
    if owner is not None:
        _give(connection, lacking, owner)
    return lacking


def _refuse_if_of_another(connection: Connection, lacking: list[str]) -> None:
    of_auth = [part for part in lacking if part.startswith("auth.")]
    owner = owner_of_auth(connection)
    sql = "select has_schema_privilege('auth', 'create'), current_user"
    if of_auth and owner is not None:
        may_create, user = connection.execute(sa.text(sql)).one()
        if not may_create:
            raise PlatformOfAnother(missing=", ".join(of_auth), owner=owner, user=user)


def _run(connection: Connection, file: str, part: str, user: str) -> None:
    sql = resources.files(__name__).joinpath(file).read_text(encoding="utf-8")
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - an open connection has one
    # Straight to the driver: SQLAlchemy would read % and :name in the text.
    with driver.cursor() as cursor:
        try:
            cursor.execute(sql)
        except psycopg2.errors.InsufficientPrivilege as error:
            detail = f"{error.diag.message_primary}."
            raise PlatformNotPermitted(user=user, part=part, detail=detail) from None
        except psycopg2.Error as error:
            detail = f"{error.diag.message_primary or error}."
            raise PlatformFailed(part=part, sqlstate=error.pgcode, detail=detail) from None


def _give(connection: Connection, parts: list[str], owner: str) -> None:
    quoted = connection.dialect.identifier_preparer.quote(owner)
    for part in parts:
        if part == "schema auth":
            kind = "schema auth"
        elif part == "auth.users":
            kind = "table auth.users"
        elif part.startswith("auth."):
            kind = f"function {part}"
        else:
            continue
        connection.exec_driver_sql(f"alter {kind} owner to {quoted}")
