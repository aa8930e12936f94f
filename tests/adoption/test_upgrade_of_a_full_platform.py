"""A platform with rows is adopted without harm, and a downgrade restores it as it was."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from history.test_round_trips import REVISIONS, assert_same
from sqlalchemy import exc

from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.existing_platform import (
    CHUNKS_A_DOCUMENT,
    FURTHER_TABLES,
    ExistingPlatform,
    checksums,
    columns_of,
    run,
    scalar,
)
from fixtures.people import as_user, insert, named
from mivaa_schema.models import Base


@both_majors
def test_downgrade_base_restores_the_platform(existing_database: Database) -> None:
    before, columns = existing_database.dump(), columns_of(existing_database)
    rows = checksums(existing_database, columns)
    existing_database.upgrade()
    assert checksums(existing_database, columns) == rows
    existing_database.downgrade()
    assert_same(before, existing_database.dump(), "downgrade to base")
    assert checksums(existing_database, columns) == rows


@both_majors
def test_each_downgrade_leaves_the_dump_before_its_upgrade(existing_database: Database) -> None:
    columns = columns_of(existing_database)
    rows = checksums(existing_database, columns)
    for revision in REVISIONS:
        before = existing_database.dump()
        existing_database.upgrade(revision)
        upgraded = existing_database.dump()
        existing_database.downgrade("-1")
        assert_same(before, existing_database.dump(), f"downgrade of {revision}")
        assert checksums(existing_database, columns) == rows
        existing_database.upgrade(revision)
        assert_same(upgraded, existing_database.dump(), f"second upgrade to {revision}")


@both_majors
def test_further_tables_of_the_platform_are_adopted_and_given_back(
    existing_database: Database,
) -> None:
    run(existing_database, FURTHER_TABLES)
    before, columns = existing_database.dump(), columns_of(existing_database)
    rows = checksums(existing_database, columns)
    existing_database.upgrade()
    for table in ("pdf_documents", "processed_documents"):
        assert checksums(existing_database, columns)[table] == rows[table]
    assert scalar(existing_database, "select count(*) from public.migration_tracking") > 2
    existing_database.downgrade()
    assert_same(before, existing_database.dump(), "downgrade to base")
    assert checksums(existing_database, columns) == rows


def test_vector_in_schema_public_is_adopted_and_left_there_by_a_downgrade(
    existing_database: Database,
) -> None:
    run(existing_database, "alter extension vector set schema public", superuser=True)
    before = existing_database.dump()
    existing_database.upgrade()
    existing_database.downgrade()
    assert_same(before, existing_database.dump(), "downgrade to base")


def test_locked_member_tables_are_given_back(existing_database: Database) -> None:
    before = existing_database.dump()
    existing_database.upgrade("head", lock_members="yes")
    assert "CREATE POLICY workspace_members_isolation" in existing_database.dump()
    existing_database.downgrade()
    assert_same(before, existing_database.dump(), "downgrade to base")


def test_every_column_of_ours_is_there_afterwards(existing_database: Database) -> None:
    existing_database.upgrade()
    there = columns_of(existing_database)
    for table in Base.metadata.tables.values():
        if table.schema is None:
            assert {column.name for column in table.columns} <= set(there[table.name])


def test_chunks_are_given_the_workspace_of_their_document(existing_database: Database) -> None:
    existing_database.upgrade()
    differing = scalar(
        existing_database,
        "select count(*) from public.document_chunks c join public.documents d"
        " on d.id = c.document_id where c.workspace_id is distinct from d.workspace_id",
    )
    assert differing == 0
    filled = scalar(
        existing_database,
        "select count(*) from public.document_chunks where workspace_id is not null",
    )
    assert filled == 10 * CHUNKS_A_DOCUMENT


def test_what_the_platform_made_is_still_there(existing_database: Database) -> None:
    existing_database.upgrade()
    dump = existing_database.dump()
    for text in (
        'CREATE POLICY "Everything is open" ON public.documents',
        'CREATE POLICY "Users join" ON public.workspace_members',
        "CREATE TRIGGER update_documents_updated_at",
        "CREATE FUNCTION public.update_updated_at_column()",
        "CREATE VIEW public.finished_documents",
        "CREATE INDEX documents_status",
        "COMMENT ON TABLE public.documents IS 'Whatever our users upload.'",
        "fillfactor='90'",
        "autovacuum_vacuum_scale_factor='0.1'",
        "processing_status = ANY",
    ):
        assert text in dump, f"{text} is gone"


def test_an_open_policy_of_the_platform_opens_nothing(
    existing_database: Database, existing: ExistingPlatform
) -> None:
    existing_database.upgrade()
    for name, workspace in (("viewer", existing.a), ("owner_of_b", existing.b)):
        with as_user(existing_database, existing.person(name)) as connection:
            for table, count in (("documents", 5), ("document_chunks", 5 * CHUNKS_A_DOCUMENT)):
                seen = connection.exec_driver_sql(
                    f"select workspace_id, count(*) from public.{table} group by workspace_id"
                ).all()
                assert seen == [(workspace, count)]


@pytest.mark.parametrize("name", ["viewer", "member"])
def test_an_open_policy_lets_no_reader_write(
    existing_database: Database, existing: ExistingPlatform, name: str
) -> None:
    existing_database.upgrade()
    person = existing.person(name)
    with (
        as_user(existing_database, person) as connection,
        pytest.raises(exc.DBAPIError, match="row-level security"),
    ):
        insert(connection, "public.documents", workspace_id=existing.a, user_id=person.id)
    for statement in ("update public.documents set name = 'x'", "delete from public.documents"):
        with as_user(existing_database, person) as connection:
            assert connection.exec_driver_sql(statement).rowcount == 0


def test_an_admin_works_in_its_workspace_and_nowhere_else(
    existing_database: Database, existing: ExistingPlatform
) -> None:
    existing_database.upgrade()
    admin = existing.person("admin")
    with as_user(existing_database, admin) as connection:
        document = named("new document")
        insert(
            connection,
            "public.documents",
            id=document,
            workspace_id=existing.a,
            user_id=admin.id,
        )
        # An application that knows no workspace_id of chunks.
        insert(
            connection,
            "public.document_chunks",
            document_id=document,
            chunk_index=0,
            content="Text",
        )
        update = "update public.documents set name = 'x' where workspace_id = :workspace"
        for workspace, count in ((existing.a, 6), (existing.b, 0)):
            done = connection.execute(sa.text(update), {"workspace": workspace})
            assert done.rowcount == count
    with (
        as_user(existing_database, admin) as connection,
        pytest.raises(exc.DBAPIError, match="row-level security"),
    ):
        insert(connection, "public.documents", workspace_id=existing.b, user_id=admin.id)


def test_members_are_written_under_the_platforms_rules_unless_locked(
    existing_database: Database, existing: ExistingPlatform
) -> None:
    join = {"workspace_id": existing.b, "user_id": existing.person("viewer").id, "role": "viewer"}
    existing_database.upgrade()
    with as_user(existing_database, existing.person("viewer")) as connection:
        insert(connection, "public.workspace_members", **join)
    existing_database.downgrade()
    existing_database.upgrade("head", lock_members="yes")
    with (
        as_user(existing_database, existing.person("viewer")) as connection,
        pytest.raises(exc.DBAPIError, match="permission denied"),
    ):
        insert(connection, "public.workspace_members", **join)


def test_a_key_of_the_platforms_that_leads_to_its_own_profiles_stays(
    existing_database: Database,
) -> None:
    run(
        existing_database,
        "create table public.profiles (id uuid primary key references auth.users (id));"
        " insert into public.profiles select id from auth.users;"
        " alter table public.documents add column user_id uuid;"
        " alter table public.documents add constraint documents_user_id_fkey"
        " foreign key (user_id) references public.profiles (id)",
    )
    before = existing_database.dump()
    existing_database.upgrade()
    assert "REFERENCES public.profiles(id)" in existing_database.dump()
    existing_database.downgrade()
    assert_same(before, existing_database.dump(), "downgrade to base")


BAD_ROWS = """
alter table public.workspace_members drop constraint workspace_members_role_check;
update public.workspace_members set role = 'superhero' where role = 'member';
alter table public.documents drop constraint documents_workspace_id_fkey;
update public.documents set workspace_id = gen_random_uuid() where name = 'Document 4';
alter table public.document_chunks drop constraint document_chunks_document_id_fkey;
insert into public.document_chunks (document_id, chunk_index, content)
  values (gen_random_uuid(), 0, 'An orphan');
alter table public.documents add column status text;
update public.documents set status = 'weird' where name = 'Document 3';
insert into public.documents (workspace_id, name, content)
  values (null, repeat('A long name. ', 240), repeat('Three megabytes. ', 180000));
"""


def test_bad_rows_block_nothing_and_are_not_touched(existing_database: Database) -> None:
    run(existing_database, BAD_ROWS)
    before, columns = existing_database.dump(), columns_of(existing_database)
    rows = checksums(existing_database, columns)
    existing_database.upgrade()
    assert checksums(existing_database, columns) == rows
    not_valid = scalar(
        existing_database,
        "select array_agg(conname::text order by conname) from pg_constraint"
        " where not convalidated",
    )
    assert not_valid == ["document_chunks_workspace_id_fkey", "documents_workspace_id_fkey"]
    dump = existing_database.dump()
    assert " workspace_members_role_check" not in dump
    assert " documents_status_check" not in dump
    # Old rows can be edited still.
    run(existing_database, "update public.documents set name = name")
    run(existing_database, "update public.document_chunks set content = content")
    run(existing_database, "update public.workspace_members set joined_at = joined_at")
    existing_database.downgrade()
    assert_same(before, existing_database.dump(), "downgrade to base")


@both_majors
def test_rolling_back_every_phase_restores_the_platform_too(
    existing_database: Database,
) -> None:
    before = existing_database.dump()
    existing_database.upgrade()
    with existing_database.owner() as connection:
        phases = connection.exec_driver_sql(
            "select phase from public.migration_tracking order by started_at desc"
        ).scalars()
        for phase in phases.all():
            connection.exec_driver_sql(
                "select * from public.rollback_migration_phase('mivaa_integration', %s)", (phase,)
            )
    existing_database.downgrade()
    assert existing_database.dump() == before
