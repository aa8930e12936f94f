"""A transaction that only looks: it waits for no lock for long, and is rolled back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import exc, text

from mivaa_schema.database.failures import explain
from mivaa_schema.errors import MivaaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

LOCK_TIMEOUT = "2s"
_LOCK_NOT_AVAILABLE = "55P03"


class TableLocked(MivaaError):
    """A table could not be read: a lock was not granted within {seconds}. Blocked by: {blockers}.
    Nothing was changed. Try again when that transaction is over.
    """


@contextmanager
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
        blockers = "; ".join(connection.execute(text(_BLOCKERS)).scalars()) or "nobody any more"
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
