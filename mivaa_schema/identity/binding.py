"""Sets the identity of a request at the beginning of every transaction, for that one alone."""

from __future__ import annotations

import contextlib
import sys
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import event, exc
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from mivaa_schema.identity import session
from mivaa_schema.identity.claims import NOBODY, USERS, Identity
from mivaa_schema.identity.errors import (
    AutocommitRefused,
    BadIdentity,
    BadTarget,
    DriverNotGuarded,
    EngineNotGuarded,
    IdentityChanged,
    RoleNotGranted,
    TransactionCommandRefused,
    TransactionLost,
    TwoPhaseRefused,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.engine.interfaces import DBAPIConnection, ExecutionContext
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
    from sqlalchemy.orm import SessionTransaction
    from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

AnyEngine = TypeVar("AnyEngine", "Engine", "AsyncEngine")
Target = TypeVar("Target", "Session", "AsyncSession", "Connection", "AsyncConnection")

DRIVERS = ("psycopg2", "psycopg", "asyncpg")

# Names of execution options: connections inherit them from their engine or session, and do not
# keep them when they go back to the pool.
_GUARD = "mivaa_guard"
_IDENTITY = "mivaa_identity"


class IdentityMissing(UserWarning):
    """A transaction has started without an identity, so it sees no rows."""


def guard(engine: AnyEngine, *, role_without_identity: str = USERS) -> AnyEngine:
    """Give every transaction of an engine the identity of its session or connection.

    Call it once, where the engine is created. Transactions without an identity act as an unknown
    user: they see no rows, may write none, and cause a warning. The rights of the login role are
    never used; it must be a member of the roles that the identities have, as ``authenticator`` is.

    Args:
        engine: With psycopg2, psycopg or asyncpg. Engines derived from it by
            ``execution_options()`` are guarded too; to keep an unguarded engine beside a guarded
            one of the same pool, guard a derived one.
        role_without_identity: ``authenticated``, or ``anon``, for which statements are refused
            instead of answered without rows.

    Returns:
        The same engine.

    Raises:
        DriverNotGuarded: It has another driver.
        BadIdentity: The role is another one, which would have rights.
    """
    sync: Engine = _synchronous(engine)
    if role_without_identity not in (USERS, NOBODY):
        raise BadIdentity(
            reason=f"transactions without one would be {role_without_identity!r},"
            f" expected was {USERS} or {NOBODY}"
        )
    if sync.dialect.name != "postgresql" or sync.dialect.driver not in DRIVERS:
        raise DriverNotGuarded(
            driver=f"{sync.dialect.name}+{sync.dialect.driver}", known=", ".join(DRIVERS)
        )
    if _GUARD not in sync.get_execution_options():
        _Guard(sync, role_without_identity)
    return engine


def identify(target: Target, identity: Identity) -> Target:
    """Set the identity of all transactions of a session or a connection from the next one on.

    Args:
        target: Of a guarded engine, and not in a transaction. A session keeps the objects that it
            has loaded, so it can change its identity only after ``close()``; a connection can
            between any two transactions.
        identity: Of the request.

    Returns:
        The same session or connection, as in ``with identify(Session(engine), ada) as session``.

    Raises:
        BadIdentity: It is no identity.
        BadTarget: It is no session and no open connection.
        EngineNotGuarded: Its engine is not guarded.
        IdentityChanged: It has another identity.
    """
    _require_identity(identity)
    synchronous = _synchronous(target)
    if isinstance(synchronous, Session):
        _identify_session(synchronous, identity)
    elif isinstance(synchronous, Connection):
        _require_guard(synchronous)
        synchronous.execution_options(**{_IDENTITY: identity})
    else:
        raise BadTarget(kind=type(target).__name__)
    return target


def _synchronous(target: Any) -> Any:
    """What an asynchronous engine, session or connection wraps."""
    # Asked by name: their module cannot be imported where the extra asyncio is not installed.
    for name in ("sync_session", "sync_connection", "sync_engine"):
        if hasattr(target, name):
            return getattr(target, name)
    return target


def _identify_session(session: Session, identity: Identity) -> None:
    with contextlib.suppress(exc.UnboundExecutionError):
        # Without one engine for everything, each connection is looked at when it is opened.
        _require_guard(session.get_bind())
    former = session.execution_options.get(_IDENTITY)
    if former != identity and (session.in_transaction() or (former and list(session))):
        raise IdentityChanged(
            what="session", remedy="Call its close() before, or open a session for each request"
        )
    if not event.contains(session, "after_begin", _refuse_unguarded):
        event.listen(session, "after_begin", _refuse_unguarded)
    session.execution_options = session.execution_options.union({_IDENTITY: identity})


def _refuse_unguarded(
    _session: Session, _transaction: SessionTransaction, connection: Connection
) -> None:
    if _GUARD not in connection.get_execution_options():
        # Closed, because code that catches the error could go on using it.
        connection.close()
        _require_guard(connection)


def _require_guard(target: Engine | Connection) -> None:
    if _GUARD not in target.get_execution_options():
        engine = target if isinstance(target, Engine) else target.engine
        raise EngineNotGuarded(user=engine.url.username or "(the system's user)")


def _require_identity(identity: object) -> None:
    if not isinstance(identity, Identity):
        raise BadIdentity(reason=f"it is a {type(identity).__name__}, expected was an Identity")


def _clean(
    dialect: Dialect,
    dbapi_connection: DBAPIConnection,
    record: ConnectionPoolEntry,
    state: PoolResetState,
) -> None:
    """Clean the session of a connection that goes back to the pool, if it was guarded."""
    if not state.terminate_only and state.asyncio_safe:
        session.clean(dbapi_connection, record.info, dialect)


# Instead of the identity of a transaction: it is being set, or no transaction was begun.
_SETTING, _NOT_BEGUN = object(), object()


class _Guard:
    """The listeners of one engine."""

    def __init__(self, engine: Engine, role_without_identity: str) -> None:
        self._nobody = Identity(role_without_identity, "")
        # The identity with which each connection began its transaction, None for nobody.
        self._begun: WeakKeyDictionary[Connection, object] = WeakKeyDictionary()
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "begin_twophase", self._begin_twophase)
        event.listen(engine, "before_cursor_execute", self._before_statement)
        event.listen(engine, "set_connection_execution_options", self._before_options)
        event.listen(engine, "reset", partial(_clean, engine.dialect))
        engine.update_execution_options(**{_GUARD: self})

    def _begin(self, connection: Connection) -> None:
        try:
            self._set(connection)
        except BaseException:
            # SQLAlchemy would let code that catches the error go on without a begin: nothing more
            # may be sent on this connection.
            with contextlib.suppress(Exception):
                connection.close()
            raise

    def _set(self, connection: Connection) -> None:
        bound = connection.get_execution_options().get(_IDENTITY)
        if bound is not None:
            _require_identity(bound)
        dbapi_connection = connection.connection.dbapi_connection
        assert dbapi_connection is not None  # noqa: S101 - a transaction begins on it
        if connection.dialect.detect_autocommit_setting(dbapi_connection):
            raise AutocommitRefused
        identity = bound or self._nobody
        self._begun[connection] = _SETTING
        try:
            session.become(connection, identity)
        except exc.DBAPIError as error:
            raise _explained(error, connection, identity.role) from error
        self._begun[connection] = bound
        if bound is None:
            _warn(identity.role)

    def _begin_twophase(self, _connection: Connection, _xid: Any) -> None:
        raise TwoPhaseRefused

    def _before_statement(
        self,
        connection: Connection,
        _cursor: Any,
        statement: str,
        _parameters: Any,
        context: ExecutionContext | None,
        _executemany: bool,
    ) -> None:
        begun = self._begun.get(connection, _NOT_BEGUN)
        if begun is _SETTING:
            return
        if begun is _NOT_BEGUN or _is_idle(connection):
            raise TransactionLost
        if session.goes_on_without_identity(statement):
            raise TransactionCommandRefused
        options = context.execution_options if context else connection.get_execution_options()
        if options.get(_IDENTITY) != begun:
            raise IdentityChanged(
                what="statement", remedy="Set it by identify(), before the transaction begins"
            )

    def _before_options(self, connection: Connection, options: dict[str, Any]) -> None:
        if _IDENTITY not in options:
            return
        _require_identity(options[_IDENTITY])
        former = connection.get_execution_options().get(_IDENTITY)
        if connection.in_transaction() and former != options[_IDENTITY]:
            raise IdentityChanged(
                what="connection", remedy="Commit or roll back before, or take another connection"
            )


def _is_idle(connection: Connection) -> bool:
    """Whether the server has no transaction open, as the driver knows without asking it."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.driver == "asyncpg":
        return not driver.is_closed() and not driver.is_in_transaction()
    return int(driver.info.transaction_status) == 0


def _explained(error: exc.DBAPIError, connection: Connection, role: str) -> Exception:
    """The error that says what to grant, where the login role may not become another role."""
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    # 22023: the role does not exist.
    if state not in ("42501", "22023"):
        return error
    return RoleNotGranted(user=connection.engine.url.username or "(the system's user)", role=role)


def _warn(role: str) -> None:
    # At the line of the application that started the transaction.
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(
        (__name__, "sqlalchemy", "contextlib")
    ):
        level, frame = level + 1, frame.f_back
    warnings.warn(
        f"A transaction has started without an identity, so it acts as role {role} without a user"
        " and sees no rows. Call mivaa_schema.identity.identify() on the session or the connection"
        " first (with Identity.nobody() for a request without a user).",
        IdentityMissing,
        stacklevel=level,
    )
