"""mivaa.lock_tables: all at once, briefly, and never before autovacuum has been cancelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from fixtures.databases import Database

DOCUMENTS, CHUNKS = "public.documents", "public.document_chunks"


@pytest.fixture
def owner(head_database: Database) -> Iterator[Connection]:
    with head_database.superuser() as connection:
        # So that patience, which is a multiple of it, ends soon.
        connection.exec_driver_sql(
            f"alter database {head_database.name} set deadlock_timeout = '50ms'"
        )
    with head_database.engine().connect() as connection:
        connection.exec_driver_sql("set lock_timeout = '400ms'")
        connection.commit()
        yield connection


@contextmanager
def holding(database: Database, table: str, mode: str) -> Iterator[int]:
    """Another session that holds a lock."""
    with database.engine().connect() as connection, connection.begin():
        connection.exec_driver_sql("set application_name = 'night job'")
        connection.exec_driver_sql(f"lock table {table} in {mode} mode")
        yield connection.exec_driver_sql("select pg_backend_pid()").scalar_one()


def lock(connection: Connection, mode: str, *tables: str) -> None:
    names = ", ".join(f"'{table}'" for table in tables)
    connection.exec_driver_sql(f"select mivaa.lock_tables('{mode}', {names})")


def held(connection: Connection) -> set[tuple[str, str]]:
    rows = connection.execute(
        sa.text(
            "select relation::regclass::text, mode from pg_locks where pid = pg_backend_pid()"
            " and relation in ('public.documents'::regclass, 'public.document_chunks'::regclass)"
        )
    )
    return {(table, mode) for table, mode in rows}


def refusal(connection: Connection, mode: str, *tables: str) -> psycopg2.Error:
    with pytest.raises(exc.DBAPIError) as caught:
        lock(connection, mode, *tables)
    assert isinstance(caught.value.orig, psycopg2.Error)
    assert caught.value.orig.pgcode == "55P03"
    return caught.value.orig


def test_it_holds_what_was_asked_for_on_every_table(owner: Connection) -> None:
    lock(owner, "share row exclusive", DOCUMENTS, CHUNKS)
    for table in ("documents", "document_chunks"):
        assert (table, "ShareRowExclusiveLock") in held(owner)
        assert (table, "AccessExclusiveLock") not in held(owner)


def test_a_table_that_does_not_exist_is_skipped(owner: Connection) -> None:
    lock(owner, "access exclusive", "public.nowhere", CHUNKS)
    assert ("document_chunks", "AccessExclusiveLock") in held(owner)


def test_the_rest_of_the_time_bounds_the_waits_that_follow(
    head_database: Database, owner: Connection
) -> None:
    reader = head_database.engine().connect()
    reader.exec_driver_sql("select count(*) from public.document_chunks")
    threading.Timer(0.1, reader.close).start()
    lock(owner, "access exclusive", DOCUMENTS, CHUNKS)
    left = owner.exec_driver_sql("show lock_timeout").scalar_one()
    assert 0 < int(left.removesuffix("ms")) < 400
    owner.rollback()
    assert owner.exec_driver_sql("show lock_timeout").scalar_one() == "400ms"


def test_a_session_without_a_bound_gets_one(owner: Connection) -> None:
    owner.exec_driver_sql("set lock_timeout = 0")
    lock(owner, "access exclusive", DOCUMENTS)
    assert owner.exec_driver_sql("show lock_timeout").scalar_one() != "0"


def test_a_blocking_session_is_named(head_database: Database, owner: Connection) -> None:
    with holding(head_database, CHUNKS, "access share") as pid:
        error = refusal(owner, "access exclusive", DOCUMENTS, CHUNKS)
    assert "public.document_chunks is in use" in str(error)
    assert f"process {pid} (night job), in a transaction for" in str(error.diag.message_detail)
    assert "last query: select pg_backend_pid()" in str(error.diag.message_detail)


def test_a_session_that_does_not_block_is_not_named(
    head_database: Database, owner: Connection
) -> None:
    with (
        holding(head_database, CHUNKS, "access share") as reader,
        holding(head_database, CHUNKS, "row exclusive") as writer,
    ):
        error = refusal(owner, "share row exclusive", CHUNKS)
    detail = str(error.diag.message_detail)
    assert f"process {writer} " in detail
    assert f"process {reader} " not in detail


def test_no_strong_lock_is_held_during_a_wait_for_a_vacuum(
    head_database: Database, owner: Connection
) -> None:
    with holding(head_database, CHUNKS, "share update exclusive"):
        error = refusal(owner, "access exclusive", DOCUMENTS, CHUNKS)
    # The first mode is asked for on all tables before the second on any.
    assert "no lock in mode share update exclusive" in str(error)


def test_a_user_who_holds_one_table_and_waits_for_another_is_not_blocked(
    head_database: Database, owner: Connection
) -> None:
    with head_database.superuser() as connection:
        connection.exec_driver_sql(f"alter database {head_database.name} reset deadlock_timeout")
    with head_database.engine().connect() as connection:
        connection.exec_driver_sql("set lock_timeout = '100ms'")
        connection.commit()
        with holding(head_database, CHUNKS, "access share"):
            waiting = threading.Thread(
                target=lock, args=(connection, "access exclusive", DOCUMENTS, CHUNKS)
            )
            waiting.start()
            for _ in range(20):
                # As long as a server lets two wait for each other before it ends one of them.
                owner.exec_driver_sql("set lock_timeout = '1s'")
                owner.exec_driver_sql(f"select count(*) from {DOCUMENTS}")
                owner.rollback()
        waiting.join()
        assert held(connection) >= {
            ("documents", "AccessExclusiveLock"),
            ("document_chunks", "AccessExclusiveLock"),
        }


def test_nobody_but_the_owner_may_call_it(head_database: Database) -> None:
    for role in ("anon", "authenticated", "service_role"):
        with head_database.owner() as connection:
            connection.exec_driver_sql(f"set local role {role}")
            with pytest.raises(exc.DBAPIError, match="permission denied"):
                lock(connection, "access exclusive", DOCUMENTS)
            connection.rollback()
