"""The session of a repair: the owner's, bounded in its waits, one at a time."""

from __future__ import annotations

import contextlib
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from alembic.script import ScriptDirectory
from sqlalchemy import exc, text

from mivaa_schema import database, migrations
from mivaa_schema.errors import (
    NotTableOwner,
    RepairFailed,
    RepairGaveWay,
    RepairNeedsHead,
    RowSecurityForced,
)
from mivaa_schema.present import TABLES, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection, Engine

    from mivaa_schema.operations.timeouts import Timeouts
    from mivaa_schema.settings import Settings

T = TypeVar("T")

# Lock not available, deadlock, serialization failure.
_GIVES_WAY = frozenset({"55P03", "40P01", "40001"})
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Session:
    """A connection of the owner that commits batch by batch.

    Attributes:
        name: The repair, for messages.
        retries: How often a batch that gave way is tried again.
    """

    engine: Engine
    connection: Connection
    waiting: Timeouts
    name: str
    retries: int

    def patiently(self, change: Callable[[], T]) -> T:
        """Run a change and commit it; a batch that gives way is rolled back and run again.

        Raises:
            RepairGaveWay: A lock was not to be had within all tries.
            RepairFailed: The database refused the change.
        """
        for attempt in range(self.retries + 1):
            try:
                result = change()
                self.connection.commit()
            except exc.DBAPIError as error:
                with contextlib.suppress(exc.DBAPIError):
                    self.connection.rollback()
                if getattr(error.orig, "pgcode", None) not in _GIVES_WAY:
                    raise RepairFailed(name=self.name, detail=migrations.describe(error)) from error
                if attempt == self.retries:
                    raise RepairGaveWay(
                        name=self.name,
                        attempts=attempt + 1,
                        blockers=migrations.blockers(self.engine),
                    ) from error
                longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**attempt)
                time.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - jitter, no secret
            else:
                return result
        raise AssertionError


@contextlib.contextmanager
def read_session(engine: Engine) -> Iterator[Connection]:
    """A connection that may see every row.

    Raises:
        RepairNeedsHead: The database is not at the last revision.
        NotTableOwner: The role does not own every table.
        RowSecurityForced: Row-level security hides rows from their owner.
    """
    with database.connect(engine) as connection:
        try:
            _refuse_whoever_does_not_own(connection)
            _refuse_older(connection)
            # A platform may end every statement after two minutes; a large table takes its time.
            connection.exec_driver_sql("set statement_timeout = 0")
            connection.commit()
            yield connection
        except exc.DBAPIError as error:
            raise database.explain(error, engine.url) from error


@contextlib.contextmanager
def write_session(engine: Engine, settings: Settings, name: str) -> Iterator[Session]:
    """A session that may change rows, while no upgrade and no other repair runs.

    Raises:
        UpgradeRunning: An upgrade, or another repair, did not end in time.
    """
    with read_session(engine) as connection:
        waiting = migrations.timeouts(settings)
        with migrations.upgrade_lock(connection, settings.upgrade_wait):
            migrations.prepare_session(connection, waiting)
            # An upgrade that was waited for may have been a downgrade.
            _refuse_older(connection)
            connection.rollback()
            yield Session(engine, connection, waiting, name, settings.lock_retries)


def _refuse_older(connection: Connection) -> None:
    head = ScriptDirectory.from_config(migrations.alembic_config()).get_current_head()
    recorded = migrations.recorded_revisions(connection)
    if recorded != [head]:
        raise RepairNeedsHead(found=", ".join(recorded) or "no revision", head=head)


def _refuse_whoever_does_not_own(connection: Connection) -> None:
    names = [name_of(table) for table in TABLES if table.schema is None]
    rows = connection.execute(text(_OWNERS), {"names": names}).mappings().all()
    foreign = [row for row in rows if not row["is_owner"]]
    if foreign:
        raise NotTableOwner(
            user=foreign[0]["user"],
            tables=", ".join(row["name"] for row in foreign),
            owner=foreign[0]["owner"],
        )
    hidden = [row["name"] for row in rows if row["is_hidden"]]
    if hidden:
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
