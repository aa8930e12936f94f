"""Preflight knows what earlier runs have done, and never refuses the chain's own work."""

from __future__ import annotations

import pytest
from history.test_round_trips import REVISIONS

from fixtures.databases import Database
from fixtures.existing_platform import run
from mivaa_schema import preflight


def refusals(database: Database) -> list[str]:
    with database.owner() as connection:
        return [str(f) for f in preflight.report(connection) if f.severity == "error"]


def test_a_platform_that_fits_is_not_refused(existing_database: Database) -> None:
    assert refusals(existing_database) == []


def test_no_revision_is_in_the_way_of_the_next(existing_database: Database) -> None:
    for revision in REVISIONS:
        existing_database.upgrade(revision)
        assert refusals(existing_database) == [], f"after revision {revision}"


@pytest.mark.parametrize("revision", ["0002", "0004", "0005", "0007", "0009"])
def test_a_revision_that_was_cut_off_after_its_builds_is_not_in_its_own_way(
    platform_database: Database, revision: str
) -> None:
    platform_database.upgrade(revision)
    before = REVISIONS[REVISIONS.index(revision) - 1]
    run(platform_database, f"update mivaa.alembic_version set version_num = '{before}'")
    if revision == "0002":
        # They come in its last transaction, with the version.
        run(
            platform_database,
            "drop policy migration_tracking_closed on public.migration_tracking;"
            "drop function public.mark_migration_complete, public.rollback_migration_phase",
        )
    assert refusals(platform_database) == []
    platform_database.upgrade()


def test_a_schema_that_a_run_left_empty_is_not_in_the_way(platform_database: Database) -> None:
    run(
        platform_database,
        "create schema mivaa; create table mivaa.alembic_version (version_num varchar(32)"
        " constraint alembic_version_pkc primary key)",
    )
    assert refusals(platform_database) == []
    platform_database.upgrade("0001")


def test_what_is_in_the_way_of_a_later_revision_is_refused_at_the_first(
    platform_database: Database,
) -> None:
    run(platform_database, "create table public.idx_documents_workspace_updated (id int)")
    assert "public.idx_documents_workspace_updated is no index" in refusals(platform_database)[0]


def test_what_has_come_into_the_way_meanwhile_is_refused(platform_database: Database) -> None:
    platform_database.upgrade("0005")
    run(platform_database, "alter table public.documents force row level security")
    assert "FORCE ROW LEVEL SECURITY" in refusals(platform_database)[0]


def test_looking_changes_nothing_and_leaves_a_transaction_open(
    existing_database: Database,
) -> None:
    run(
        existing_database,
        "create index idx_documents_workspace_updated on public.documents (id)",
    )
    before = existing_database.dump()
    with existing_database.engine().connect() as connection:
        connection.exec_driver_sql("create temporary table mine (id int)")
        preflight.report(connection)
        assert connection.in_transaction()
        connection.exec_driver_sql("select * from mine")
        names = connection.exec_driver_sql(
            "select relname from pg_class where relnamespace = pg_my_temp_schema()"
        ).scalars()
        assert list(names) == ["mine"]
    assert existing_database.dump() == before


def test_a_database_that_cannot_be_written_can_be_looked_at(existing_database: Database) -> None:
    with existing_database.engine().connect() as connection:
        connection.exec_driver_sql("set default_transaction_read_only = on")
        connection.commit()
        findings = preflight.report(connection)
    uncompared = {finding.object for finding in findings if finding.check == "uncompared_index"}
    assert "public.idx_documents_workspace_created" in uncompared
