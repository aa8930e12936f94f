"""A table under ACCESS EXCLUSIVE ends preflight with one error that names who holds it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.util import CommandError
from preflight.test_command import preflight as command

from fixtures.databases import Database
from mivaa_schema import database, preflight


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT", "100ms")


def test_the_command_and_the_upgrade_name_the_blockers(existing_database: Database) -> None:
    before = existing_database.dump()
    with existing_database.owner() as holder:
        pid = holder.exec_driver_sql("select pg_backend_pid()").scalar_one()
        holder.exec_driver_sql("lock table public.documents in access exclusive mode")
        done = command(existing_database)
        assert done.exit_code == 1
        assert "a lock was not granted within 100ms" in done.stderr
        assert f"Blocked by: process {pid} (mivaa-schema) on documents, last query: " in done.stderr
        with pytest.raises(CommandError, match=f"Blocked by: process {pid} "):
            existing_database.upgrade()
    assert existing_database.dump() == before
    existing_database.upgrade()


def test_a_transaction_that_is_open_stays_usable(existing_database: Database) -> None:
    with existing_database.owner() as holder:
        holder.exec_driver_sql("lock table public.documents in access exclusive mode")
        with existing_database.engine().connect() as connection, connection.begin():
            with pytest.raises(database.TableLocked):
                preflight.report(connection)
            assert connection.execute(sa.text("select 1")).scalar_one() == 1
