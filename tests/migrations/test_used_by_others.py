"""What others have built on ours is found before the first step of a downgrade."""

from __future__ import annotations

import pytest
from alembic.util import CommandError
from history.test_round_trips import assert_same

from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.existing_platform import run, scalar

USES = {
    "a policy that asks who is there": (
        (
            "create table public.notes (workspace_id uuid);"
            "create policy mine on public.notes using (workspace_id = mivaa.get_workspace_id())"
        ),
        "policy mine on public.notes uses mivaa.get_workspace_id()",
        "drop policy mine on public.notes",
    ),
    "a policy of theirs on a table of ours": (
        "create policy mine on public.documents using (mivaa.has_permission('read'))",
        "policy mine on public.documents uses mivaa.has_permission()",
        "drop policy mine on public.documents",
    ),
    "a view": (
        "create view public.recent as select title from public.documents",
        "view public.recent uses public.documents",
        "drop view public.recent",
    ),
    "a materialized view": (
        'create materialized view public."Recent" as select title from public.documents',
        'materialized view public."Recent" uses public.documents',
        'drop materialized view public."Recent"',
    ),
    "a foreign key": (
        "create table public.notes (document_id uuid references public.documents (id))",
        "table constraint notes_document_id_fkey on public.notes uses public.documents",
        "drop table public.notes",
    ),
    "a function that returns rows": (
        (
            "create function public.drafts() returns setof public.documents language sql"
            " as 'select * from public.documents'"
        ),
        "function public.drafts() uses public.documents",
        "drop function public.drafts()",
    ),
    "a function that is bound when it is created": (
        "create function public.asked() returns uuid language sql return mivaa.get_workspace_id()",
        "function public.asked() uses mivaa.get_workspace_id()",
        "drop function public.asked()",
    ),
    "a default": (
        "create table public.notes (workspace_id uuid default mivaa.get_workspace_id())",
        "default value for public.notes.workspace_id uses mivaa.get_workspace_id()",
        "drop table public.notes",
    ),
    "a trigger": (
        (
            "create table public.notes (workspace_id uuid);"
            "create trigger required before insert on public.notes for each row"
            " execute function mivaa.require_workspace()"
        ),
        "trigger required on public.notes uses mivaa.require_workspace()",
        "drop table public.notes",
    ),
    "a column of the type of our rows": (
        "create table public.notes (document public.documents)",
        "table column public.notes.document uses public.documents",
        "drop table public.notes",
    ),
}


@both_majors
@pytest.mark.parametrize("name", USES)
def test_it_is_named_before_the_first_step_and_then_the_way_is_free(
    platform_database: Database, name: str
) -> None:
    create, expected, remove = USES[name]
    before = platform_database.dump()
    platform_database.upgrade()
    run(platform_database, create)
    full = platform_database.dump()
    with pytest.raises(CommandError, match="would stop half-way") as refused:
        platform_database.downgrade()
    assert f"\n  {expected}\n" in str(refused.value)
    assert_same(full, platform_database.dump(), "the refusal")
    assert scalar(platform_database, "select version_num from mivaa.alembic_version") == "0012"
    run(platform_database, f"{remove}; drop table if exists public.notes")
    platform_database.downgrade()
    assert_same(before, platform_database.dump(), "the downgrade")


@both_majors
def test_what_lies_on_a_dropped_table_goes_with_it(platform_database: Database) -> None:
    before = platform_database.dump()
    platform_database.upgrade()
    run(
        platform_database,
        "create policy mine on public.documents using (title is not null);"
        "alter table public.documents add constraint mine check (title <> 'x');"
        "alter table public.documents add column note text default 'x';"
        "create index mine on public.documents (note);"
        "create function public.nothing() returns trigger language plpgsql as 'begin return new;"
        " end';"
        "create trigger mine before update of title on public.documents for each row"
        " when (old.title is distinct from new.title) execute function public.nothing()",
    )
    platform_database.downgrade()
    run(platform_database, "drop function public.nothing()")
    assert_same(before, platform_database.dump(), "the downgrade")


def test_everything_is_named_at_once(platform_database: Database) -> None:
    platform_database.upgrade()
    names = ("a view", "a function that returns rows", "a policy of theirs on a table of ours")
    for name in names:
        run(platform_database, USES[name][0])
    with pytest.raises(CommandError) as refused:
        platform_database.downgrade()
    for name in names:
        assert USES[name][1] in str(refused.value)


def test_only_what_is_dropped_counts(platform_database: Database) -> None:
    """A downgrade that leaves the table leaves the view."""
    platform_database.upgrade()
    run(platform_database, USES["a view"][0])
    platform_database.downgrade("0008")
    run(
        platform_database,
        "create view public.progress as select * from public.get_embedding_migration_progress()",
    )
    with pytest.raises(CommandError) as refused:
        platform_database.downgrade("0007")
    assert "view public.progress uses public.get_embedding_migration_progress()" in str(
        refused.value
    )
    assert "recent" not in str(refused.value)


@both_majors
def test_what_depends_on_the_platforms_own_stays(existing_database: Database) -> None:
    """A view on their table, a key to it, and a view on a column that the upgrade has added."""
    run(
        existing_database,
        "create view public.recent as select id, content from public.documents;"
        "create table public.notes (document_id uuid references public.documents (id))",
    )
    before = existing_database.dump()
    existing_database.upgrade()
    run(existing_database, "create view public.states as select status from public.documents")
    with pytest.raises(CommandError, match=r"view public\.states uses public\.documents\.status"):
        existing_database.downgrade()
    run(existing_database, "drop view public.states")
    existing_database.downgrade()
    assert_same(before, existing_database.dump(), "the downgrade")


@both_majors
def test_an_extension_that_others_use_stays(platform_database: Database) -> None:
    with platform_database.superuser() as connection:
        connection.exec_driver_sql("drop extension vector")
        connection.exec_driver_sql("create extension if not exists plpgsql")
    run(platform_database, "alter role postgres superuser", superuser=True)
    try:
        platform_database.upgrade()
        run(platform_database, "create table public.notes (embedding vector(3))")
        platform_database.downgrade()
    finally:
        run(platform_database, "alter role postgres nosuperuser", superuser=True)
    there = "select count(*) from pg_extension where extname = 'vector'"
    assert scalar(platform_database, there) == 1
    assert scalar(platform_database, "select to_regclass('mivaa.ledger')") is None
    assert scalar(platform_database, "select count(*) from public.notes") == 0
