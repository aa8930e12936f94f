"""Which locks every statement of the history takes and holds, up and down, on full tables."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.util import CommandError
from history.test_round_trips import REVISIONS
from sqlalchemy import event, exc
from sqlalchemy.engine import Connection

from fixtures.databases import Database
from mivaa_schema.models import Base

TABLES = [f"public.{name}" for name in Base.metadata.tables if "." not in name]

# lock_tables, with a look at what the transaction has read of each table when it got its locks.
NOTED = """
alter function mivaa.lock_tables(text, text[]) rename to lock_tables_itself;
create function mivaa.lock_tables(lock_mode text, variadic table_names text[])
returns void language plpgsql as $$
begin
  perform mivaa.lock_tables_itself(lock_mode, variadic table_names);
  if lock_mode <> 'share update exclusive' then
    perform set_config('test.locked', (
      coalesce(nullif(current_setting('test.locked', true), ''), '{}')::jsonb || (
        select jsonb_object_agg(t.name, mivaa.rows_read(t.name)) from unnest(table_names) t (name)
      ))::text, true);
  end if;
end $$;
create function mivaa.rows_read(name text) returns bigint language sql as $$
  select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)
  from pg_stat_xact_user_tables where relid = to_regclass(name)
$$;
"""

LOOK = """
select l.relation::regclass::text, array_agg(l.mode), mivaa.rows_read(l.relation::regclass::text),
  coalesce(nullif(current_setting('test.locked', true), ''), '{}')
from pg_locks l
where l.pid = pg_backend_pid() and l.relation = any (cast(:tables as regclass[]))
  and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
group by l.relation
"""


class Journal:
    """Watches a run: what strong locks does it hold after each statement, and what did it read?"""

    def __init__(self, connection: Connection) -> None:
        connection.exec_driver_sql(NOTED)
        self.rows = {
            table: connection.exec_driver_sql(f"select count(*) from {table}").scalar_one()
            for table in TABLES
            if connection.execute(sa.text("select to_regclass(:t)"), {"t": table}).scalar()
        }
        connection.commit()
        self.locked: set[str] = set()
        self.faults: list[str] = []
        self._looking = False

    def before(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if self._looking or not self._is_of_a_block(connection, statement):
            return
        # A statement that commits by itself would be gone before anybody could look.
        cursor.execute("begin")

    def after(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if self._looking:
            return
        alone = self._is_of_a_block(connection, statement)
        if alone or not connection.connection.dbapi_connection.autocommit:
            with connection.connection.dbapi_connection.cursor() as look:
                there = [table for table in self.rows if self._is_there(look, table)]
                names = "{" + ",".join(there) + "}"
                look.execute(LOOK.replace(":tables", "%s"), (names,))
                for table, modes, read, noted in look.fetchall():
                    self._judge(f"public.{table}", modes, read, json.loads(noted), statement)
        if alone:
            cursor.execute("commit")

    def _judge(
        self, table: str, modes: str, read: int, noted: dict[str, int], statement: str
    ) -> None:
        if not self.rows[table]:
            return
        self.locked.add(table)
        if table not in noted:
            self.faults.append(f"{modes} on {table} without lock_tables: {statement[:300]}")
        elif read - noted[table] >= self.rows[table]:
            self.faults.append(f"{modes} on {table} across a scan: {statement[:300]}")

    @staticmethod
    def _is_there(look: Any, table: str) -> bool:
        look.execute("select to_regclass(%s) is not null", (table,))
        return bool(look.fetchone()[0])

    @staticmethod
    def _is_of_a_block(connection: Any, statement: str) -> bool:
        return (
            connection.connection.dbapi_connection.autocommit
            and statement.startswith("do ")
            and "commit;" not in statement
        )


@contextmanager
def journal(database: Database) -> Iterator[Journal]:
    engine = database.engine()
    with engine.connect() as connection:
        watching = Journal(connection)
    event.listen(engine, "before_cursor_execute", watching.before)
    event.listen(engine, "after_cursor_execute", watching.after)
    try:
        yield watching
    finally:
        event.remove(engine, "before_cursor_execute", watching.before)
        event.remove(engine, "after_cursor_execute", watching.after)


def test_no_strong_lock_is_held_across_a_scan_up_and_down(existing_database: Database) -> None:
    existing_database.upgrade("0001")
    with journal(existing_database) as watching:
        existing_database.upgrade("head", lock_members="yes")
        existing_database.downgrade("0001")
    assert not watching.faults, "\n".join(watching.faults)
    assert {"public.documents", "public.document_chunks"} <= watching.locked


def test_the_journal_sees_a_lock_across_a_scan_and_one_of_its_own(
    existing_database: Database,
) -> None:
    existing_database.upgrade("0001")
    with (
        journal(existing_database) as watching,
        existing_database.engine().connect() as connection,
    ):
        connection.exec_driver_sql(
            "select mivaa.lock_tables('access exclusive', 'public.documents')"
        )
        connection.exec_driver_sql("alter table public.documents add check (id is not null)")
        connection.rollback()
        connection.exec_driver_sql("lock table public.document_chunks")
    assert ["across a scan" in fault for fault in watching.faults] == [True, False]
    assert "document_chunks without lock_tables" in watching.faults[1]


class User:
    """Reads and writes all the time, and does not wait."""

    def __init__(self, database: Database) -> None:
        self._connection = database.engine().connect()
        self._connection.exec_driver_sql("set lock_timeout = '20ms'")
        self._connection.commit()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.refused: list[str] = []
        self.served = 0

    def _work(self) -> None:
        while not self._done.is_set():
            for table in ("documents", "document_chunks", "workspaces", "workspace_members"):
                for sql in (
                    f"select count(*) from public.{table}",
                    f"lock table public.{table} in row exclusive mode",
                ):
                    try:
                        with self._connection.begin():
                            self._connection.exec_driver_sql(sql)
                        self.served += 1
                    except exc.DBAPIError:
                        self.refused.append(sql)
            time.sleep(0.005)

    def __enter__(self) -> User:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._connection.close()


LOCKING = ["0004", "0006", "0007", "0009"]
"""Revisions that need a lock on a table that users have, which autovacuum may be at."""


@pytest.mark.parametrize("revision", LOCKING)
@pytest.mark.parametrize("direction", ["up", "down"])
def test_users_are_not_blocked_while_the_upgrade_waits_for_a_vacuum(
    clone: Callable[[int, str], Database],
    existing_template: Callable[[int], str],
    major: int,
    revision: str,
    direction: str,
) -> None:
    database = clone(major, existing_template(major))
    before = REVISIONS[REVISIONS.index(revision) - 1]
    database.upgrade(revision if direction == "down" else before)
    with database.superuser() as connection:
        connection.exec_driver_sql(f"alter database {database.name} set deadlock_timeout = '100ms'")
    vacuum = database.engine().connect()
    # The mode of autovacuum, on the last table that a revision locks.
    vacuum.exec_driver_sql("lock table public.document_chunks in share update exclusive mode")
    run, target = (
        (database.upgrade, revision) if direction == "up" else (database.downgrade, before)
    )
    with User(database) as user:
        with pytest.raises(
            CommandError,
            match=r"in mode share update exclusive|in 1 attempts",
        ):
            run(target, lock_timeout="0.1", lock_retries="0", build_timeout="0.2")
        assert user.served > 0
        assert user.refused == []
    vacuum.close()
    run(target)
