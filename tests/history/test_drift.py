"""Both roads lead to the same schema, and whatever differs is named."""

from __future__ import annotations

import pytest

from fixtures.clusters import both_majors
from fixtures.databases import Database
from mivaa_schema import present
from mivaa_schema.catalog import differences, snapshot


@both_majors
def test_upgrade_head_and_the_present_are_the_same_schema(
    head_database: Database, platform_database: Database
) -> None:
    with platform_database.owner() as connection:
        present.build(connection)
        built = snapshot(connection)
    with head_database.owner() as connection:
        upgraded = snapshot(connection)
    found = differences(upgraded, built)
    assert not found, "alembic upgrade head (first) and the present (second) differ:\n" + "\n".join(
        found
    )


PLANTED = {
    "a column": (
        "alter table public.documents add column planted text",
        "column public.documents.planted: only in the second",
    ),
    "a missing column": (
        "alter table public.documents drop column title",
        "column public.documents.title: only in the first",
    ),
    "a type": (
        "alter table public.pdf_documents alter column page_count type bigint",
        "column public.pdf_documents.page_count: type",
    ),
    "a nullable column": (
        "alter table public.documents alter column status drop not null",
        "column public.documents.status: nullable",
    ),
    "a default": (
        "alter table public.documents alter column status set default 'draft'",
        "column public.documents.status: default",
    ),
    "a storage": (
        "alter table public.documents alter column embedding_v2 set storage external",
        "column public.documents.embedding_v2: storage",
    ),
    "a privilege on a column": (
        "grant select (title) on public.documents to anon",
        "column public.documents.title: acl",
    ),
    "a comment on a column": (
        "comment on column public.documents.title is 'Planted.'",
        "column public.documents.title: comment",
    ),
    "a comment on a table": (
        "comment on table public.documents is null",
        "table public.documents: comment",
    ),
    "row-level security switched off": (
        "alter table public.documents disable row level security",
        "table public.documents: row_security",
    ),
    "row-level security forced": (
        "alter table public.documents force row level security",
        "table public.documents: force_row_security",
    ),
    "an option": (
        "alter table public.documents set (fillfactor = 70)",
        "table public.documents: options",
    ),
    "a privilege on a table": (
        "grant select on public.documents to anon",
        "table public.documents: acl",
    ),
    "a privilege that can be passed on": (
        "grant select on public.documents to authenticated with grant option",
        "table public.documents: acl",
    ),
    "a table": (
        "create table public.planted (id uuid)",
        "table public.planted: only in the second",
    ),
    "a condition of a check": (
        (
            "alter table public.documents drop constraint documents_status_check;"
            " alter table public.documents add constraint documents_status_check"
            " check (status in ('draft', 'active'))"
        ),
        "constraint documents_status_check on public.documents: definition",
    ),
    "a constraint that is not valid": (
        (
            "alter table public.documents drop constraint documents_user_id_fkey;"
            " alter table public.documents add constraint documents_user_id_fkey"
            " foreign key (user_id) references auth.users (id) on delete set null not valid"
        ),
        "constraint documents_user_id_fkey on public.documents: validated",
    ),
    "an action of a foreign key": (
        (
            "alter table public.documents drop constraint documents_user_id_fkey;"
            " alter table public.documents add constraint documents_user_id_fkey"
            " foreign key (user_id) references auth.users (id) on delete cascade"
        ),
        "constraint documents_user_id_fkey on public.documents: definition",
    ),
    "an operator class of an index": (
        (
            "drop index public.idx_documents_embedding_v2_cosine;"
            " create index idx_documents_embedding_v2_cosine on public.documents"
            " using hnsw (embedding_v2 vector_l2_ops)"
        ),
        "index public.idx_documents_embedding_v2_cosine: definition",
    ),
    "an option of an index": (
        "alter index public.idx_documents_embedding_v2_cosine set (ef_construction = 100)",
        "index public.idx_documents_embedding_v2_cosine: definition",
    ),
    "a missing index": (
        "drop index public.idx_documents_user_created",
        "index public.idx_documents_user_created: only in the first",
    ),
    "a trigger": (
        (
            "create or replace trigger zz_mivaa_updated_at before insert on public.documents"
            " for each row execute function mivaa.require_workspace()"
        ),
        "trigger zz_mivaa_updated_at on public.documents: definition",
    ),
    "a trigger switched off": (
        "alter table public.documents disable trigger zz_mivaa_updated_at",
        "trigger zz_mivaa_updated_at on public.documents: enabled",
    ),
    "a condition of a policy": (
        "alter policy documents_isolation on public.documents using (true)",
        "policy documents_isolation on public.documents: definition",
    ),
    "a role of a policy": (
        "alter policy documents_isolation on public.documents to anon",
        "policy documents_isolation on public.documents: definition",
    ),
    "a policy": (
        "create policy planted on public.documents using (true)",
        "policy planted on public.documents: only in the second",
    ),
    "a comment on a policy": (
        "comment on policy documents_isolation on public.documents is 'Planted.'",
        "policy documents_isolation on public.documents: comment",
    ),
    "a function body": (
        (
            "create or replace function mivaa.require_workspace() returns trigger"
            " language plpgsql as 'begin return new; end'"
        ),
        "function mivaa.require_workspace(): definition",
    ),
    "a function": (
        "create function public.planted() returns int language sql as 'select 1'",
        "function public.planted(): only in the second",
    ),
    "a privilege on a function": (
        "grant execute on function mivaa.require_workspace() to public",
        "function mivaa.require_workspace(): acl",
    ),
    "a comment on a function": (
        "comment on function mivaa.require_workspace() is 'Planted.'",
        "function mivaa.require_workspace(): comment",
    ),
    "a privilege on the schema": (
        "grant usage on schema mivaa to anon",
        "schema mivaa: acl",
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_change_behind_the_chain_is_named(head_database: Database, planted: str) -> None:
    statements, expected = PLANTED[planted]
    with head_database.owner() as connection:
        before = snapshot(connection)
        present.run(connection, statements)
        found = differences(before, snapshot(connection))
    assert any(line.startswith(expected) for line in found), found


def test_what_belongs_to_an_extension_is_nobodys_drift(platform_database: Database) -> None:
    with platform_database.superuser() as connection:
        connection.exec_driver_sql("drop extension vector")
        before = snapshot(connection)
        connection.exec_driver_sql("create extension vector with schema public")
        assert snapshot(connection) == before
