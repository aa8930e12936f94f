"""Only what the owner recorded is ever executed by a rollback, whatever the table holds."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from fixtures.databases import Database

CALL = "select * from public.rollback_migration_phase('{}', '{}')"
EVIL = "create table public.executed ()"


def executed(made: Database) -> bool:
    with made.owner() as connection:
        return sa.inspect(connection).has_table("executed")


def refused(made: Database, migration: str, phase: str) -> str:
    with pytest.raises(exc.DBAPIError) as caught, made.owner() as connection:
        connection.exec_driver_sql(CALL.format(migration, phase))
    return str(caught.value.orig)


@pytest.mark.parametrize(
    "plant",
    [
        "update public.migration_tracking set rollback_sql = :evil where phase = 'data_validation'",
        (
            "update public.migration_tracking set rollback_sql = rollback_sql || :evil"
            " where phase = 'data_validation'"
        ),
    ],
)
def test_sql_that_came_into_the_table_otherwise_is_not_executed(
    head_database: Database, plant: str
) -> None:
    with head_database.owner() as connection:
        assert connection.execute(sa.text(plant), {"evil": f";{EVIL}"}).rowcount == 1
    said = refused(head_database, "mivaa_integration", "data_validation")
    assert "is not what mark_migration_complete recorded" in said
    assert not executed(head_database)


def test_a_row_that_was_inserted_is_not_executed(head_database: Database) -> None:
    with head_database.owner() as connection:
        insert = sa.text(
            "insert into public.migration_tracking (migration_name, phase, status, rollback_sql)"
            " values ('other', 'phase', 'completed', :evil)"
        )
        connection.execute(insert, {"evil": EVIL})
    assert "is not what" in refused(head_database, "other", "phase")
    assert not executed(head_database)


def test_what_the_owner_recorded_is_executed(head_database: Database) -> None:
    with head_database.owner() as connection:
        connection.exec_driver_sql(CALL.format("mivaa_integration", "data_validation"))
        version = connection.exec_driver_sql("select version_num from mivaa.alembic_version")
        assert version.scalar_one() == "0010"
