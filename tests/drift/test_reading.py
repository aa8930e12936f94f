"""Drift is found by reading alone, as a role that may only read, by locks that stop nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy import event

from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.drift import catalog_of, found, psql, script
from fixtures.existing_platform import run
from mivaa_schema import database, drift
from mivaa_schema.catalog import CatalogObject
from mivaa_schema.cli import main
from mivaa_schema.drift import Difference
from mivaa_schema.migrations import UnknownRevision

READER = "drift_reader"
OFF = "table public.documents: row-level security is off, expected on"
SWITCH_OFF = "alter table public.documents disable row level security"


def command(database: Database, *options: str, user: str = "postgres") -> Result:
    return CliRunner().invoke(main, ["drift", "--url", database.url(user), *options])


@pytest.fixture
def reader(head_database: Database) -> Iterator[str]:
    """A role that may log in and has no rights."""
    run(head_database, f"create role {READER} login", superuser=True)
    yield READER
    head_database.engine(READER).dispose()
    run(
        head_database,
        f"drop owned by {READER}; drop role {READER}",
        superuser=True,
    )


@both_majors
def test_a_role_that_only_reads_is_enough(head_database: Database, reader: str) -> None:
    with pytest.raises(drift.LedgerNotReadable) as caught:
        found(head_database, reader)
    commands = [line for line in str(caught.value).splitlines() if line.startswith("  ")]
    assert len(commands) == 2
    run(head_database, commands[0] + commands[1])
    assert found(head_database, reader) == []
    run(head_database, SWITCH_OFF)
    assert found(head_database, reader) == [OFF]
    assert found(head_database) == [OFF]


def test_a_role_that_reads_all_data_is_enough(head_database: Database, reader: str) -> None:
    run(head_database, f"grant pg_read_all_data to {reader}", superuser=True)
    run(head_database, SWITCH_OFF)
    assert found(head_database, reader) == [OFF]


def test_what_a_role_cannot_read_is_one_message(head_database: Database, reader: str) -> None:
    done = command(head_database, user=reader)
    assert done.exit_code == 1
    assert f"grant usage on schema mivaa to {reader};" in done.output
    assert f"grant select on mivaa.ledger, mivaa.alembic_version to {reader};" in done.output


def test_a_session_that_is_read_only_is_enough(head_database: Database) -> None:
    run(head_database, SWITCH_OFF)
    alter = f"alter database {head_database.name} set default_transaction_read_only = on"
    run(head_database, alter, superuser=True)
    assert found(head_database) == [OFF]


@both_majors
def test_only_selects_are_sent_and_only_access_share_is_held(head_database: Database) -> None:
    run(head_database, SWITCH_OFF)
    sent, held = [], set()

    def after(connection, cursor, statement, parameters, context, executemany) -> None:  # type: ignore[no-untyped-def]
        sent.append(statement.strip())
        cursor = connection.connection.cursor()
        cursor.execute("select mode from pg_locks where pid = pg_backend_pid() and relation is not"
                       " null")  # fmt: skip
        held.update(mode for (mode,) in cursor)

    with head_database.engine().connect() as connection:
        event.listen(connection, "after_cursor_execute", after)
        assert drift.find(connection)
        assert not connection.in_transaction()
    assert held == {"AccessShareLock"}
    assert sent[0] == "set transaction read only"
    assert all(s.startswith(("select", "show", "set", "with")) for s in sent), sent


def test_an_open_transaction_stays_as_it_was(head_database: Database) -> None:
    run(head_database, SWITCH_OFF)
    with head_database.owner() as connection:
        assert len(drift.find(connection)) == 1
        assert connection.exec_driver_sql("show lock_timeout").scalar_one() == "20s"
        connection.exec_driver_sql("alter table public.documents enable row level security")
        assert drift.find(connection) == []
    assert found(head_database) == []


def test_an_exclusive_lock_ends_it_with_one_message(
    head_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT", "100ms")
    with head_database.owner() as holder:
        holder.exec_driver_sql("lock table public.documents in access exclusive mode")
        done = command(head_database)
        assert done.exit_code == 1
        assert "a lock was not granted within 100ms. Blocked by: process " in done.output
        assert "on documents" in done.output
        with head_database.engine().connect() as connection, connection.begin():
            with pytest.raises(database.TableLocked):
                drift.find(connection)
            assert connection.execute(sa.text("select 1")).scalar_one() == 1
    assert command(head_database).exit_code == 0


def test_without_a_revision_there_is_nothing_to_compare(platform_database: Database) -> None:
    done = command(platform_database)
    assert done.exit_code == 1
    assert "has no revision" in done.output
    platform_database.upgrade()
    platform_database.downgrade()
    assert "has no revision" in command(platform_database).output


def test_an_unknown_revision_is_named(head_database: Database) -> None:
    run(head_database, "update mivaa.alembic_version set version_num = '9999'")
    with pytest.raises(UnknownRevision, match="9999"):
        found(head_database)


def test_a_missing_ledger_is_named(head_database: Database) -> None:
    run(head_database, "drop table mivaa.ledger")
    with pytest.raises(drift.LedgerMissing, match=r"mivaa\.ledger"):
        found(head_database)


def test_the_command_prints_a_line_an_object(head_database: Database) -> None:
    done = command(head_database)
    assert (done.exit_code, done.stdout) == (0, "")
    assert command(head_database, "--sql").stdout == ""
    run(head_database, SWITCH_OFF)
    done = command(head_database)
    assert (done.exit_code, done.stdout) == (1, f"{OFF}\n")
    done = command(head_database, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == [
        {
            "object": "table public.documents",
            "kind": "table",
            "property": "row_security",
            "found": "off",
            "expected": "on",
        }
    ]
    run(head_database, "grant select on public.documents to anon")
    lines = command(head_database).stdout.splitlines()
    assert lines == [f"{OFF}; grant is SELECT to anon, expected nothing to anon"]
    done = command(head_database, "--sql")
    assert done.exit_code == 1
    assert "alter table public.documents enable row level security;" in done.stdout


def test_texts_come_back_byte_for_byte(head_database: Database) -> None:
    before = catalog_of(head_database)
    run(
        head_database,
        "create or replace function mivaa.touch_updated_at() returns trigger language plpgsql"
        r" as 'begin return new; /* $function$ \ :name '' */ end';"
        "drop function public.get_embedding_migration_progress();"
        r"comment on table public.documents is 'It''s \ :planted $$'",
    )
    psql(head_database, script(head_database))
    assert catalog_of(head_database) == before


def test_long_definitions_are_shown_where_they_differ() -> None:
    index = CatalogObject("index", "public.an_index", "public.documents")
    start = "CREATE INDEX an_index ON public.documents USING btree (" + "a_column, " * 10
    shown = Difference(index, "definition", f"{start}one)", f"{start}two)").detail()
    found, expected = shown.split(", expected ")
    assert found.endswith("a_column, one)")
    assert expected.startswith("...")
    assert expected.endswith("a_column, two)")
