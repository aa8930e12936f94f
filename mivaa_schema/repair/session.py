"""The sessions of a repair: of the owner of the tables, with bounded waits, one at a time."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import exc, text

from mivaa_schema import database, history, migrations
from mivaa_schema.migrations import waits
from mivaa_schema.repair.errors import (
    NotTableOwner,
    RepairFailed,
    RepairLockTimeout,
    RepairNeedsHead,
    RowSecurityForced,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection, Engine

    from mivaa_schema.settings import Settings

T = TypeVar("T")

# A platform may have made REPEATABLE READ the default; then a batch can fail to serialize, too.
_RETRIED = waits.RETRIED | {"40001"}


@dataclass(frozen=True, slots=True)
class WriteSession:
    """A connection of the owner that commits batch by batch.

    Attributes:
        name: The repair, for messages.
    """

    engine: Engine
    connection: Connection
    settings: Settings
    name: str

    def run(self, change: Callable[[], T]) -> T:
        """Run a change and commit it; after a lock timeout, roll it back and run it again.

        Raises:
            RepairLockTimeout: A lock could not be acquired in any attempt.
            RepairFailed: The database refused the change.
        """
        attempt = 0
        while True:
            try:
                result = change()
                self.connection.commit()
            except exc.DBAPIError as error:
                with contextlib.suppress(exc.DBAPIError):
                    self.connection.rollback()
                if waits.sqlstate(error) not in _RETRIED:
                    raise RepairFailed(name=self.name, detail=migrations.describe(error)) from error
                attempt += 1
                if attempt > self.settings.lock_retries:
                    held_by = migrations.blockers(self.engine)
                    raise RepairLockTimeout(
                        name=self.name, attempts=attempt, blockers=held_by
                    ) from error
                time.sleep(waits.pause(attempt - 1))
            else:
                return result


@contextlib.contextmanager
def read_session(engine: Engine, *, looks_at_rows: bool = True) -> Iterator[Connection]:
    """A connection of the owner, which may see every row.

    Raises:
        RepairNeedsHead: The database is not at the last revision, or a revision is interrupted.
        NotTableOwner: The role does not own every table.
        RowSecurityForced: Row-level security hides rows from their owner.
    """
    with database.connect(engine) as connection:
        try:
            _refuse_other_than_owner(connection, looks_at_rows)
            _refuse_other_revision(connection)
            # A platform may end every statement after two minutes; a large table takes its time.
            connection.exec_driver_sql("set statement_timeout = 0")
            connection.commit()
            yield connection
        except exc.DBAPIError as error:
            raise database.explain(error, engine.url) from error


@contextlib.contextmanager
def write_session(
    engine: Engine, settings: Settings, name: str, *, looks_at_rows: bool = True
) -> Iterator[WriteSession]:
    """A session that may change rows, while no upgrade and no other repair runs.

    Raises:
        UpgradeRunning: An upgrade, or another repair, did not end in time.
    """
    with (
        read_session(engine, looks_at_rows=looks_at_rows) as connection,
        migrations.upgrade_lock(connection, settings.upgrade_wait),
    ):
        migrations.prepare_session(connection, migrations.timeouts(settings))
        # The lock may have been held by a downgrade.
        _refuse_other_revision(connection)
        connection.rollback()
        yield WriteSession(engine, connection, settings, name)


def _refuse_other_revision(connection: Connection) -> None:
    head = history.head()
    found = migrations.recorded_revisions(connection)
    interrupted = migrations.interrupted_revision(connection)
    if found != [head] or interrupted is not None:
        words = ", ".join(found) or "no revision"
        if interrupted is not None:
            words += f", and revision {interrupted} is interrupted"
        raise RepairNeedsHead(found=words, head=head)


def _refuse_other_than_owner(connection: Connection, looks_at_rows: bool) -> None:
    names = [table["name"] for table in history.objects("table")]
    rows = connection.execute(text(_OWNERS), {"names": names}).mappings().all()
    foreign = [row for row in rows if not row["is_owner"]]
    if foreign:
        tables = ", ".join(row["name"] for row in foreign)
        raise NotTableOwner(user=foreign[0]["user"], tables=tables, owner=foreign[0]["owner"])
    hidden = [row["name"] for row in rows if row["is_hidden"]]
    if hidden and looks_at_rows:
        raise RowSecurityForced(tables=", ".join(hidden), first=hidden[0])


# By the catalog: names in a schema that is closed to the role cannot be looked up.
_OWNERS = """
select n.nspname || '.' || c.relname as name, current_user as user,
  pg_get_userbyid(c.relowner) as owner, pg_has_role(c.relowner, 'usage') as is_owner,
  row_security_active(c.oid) as is_hidden
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname || '.' || c.relname = any (:names)
order by 1
"""
