"""Whatever is changed behind the revisions is named, and the printed SQL repairs it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from history.test_round_trips import assert_same

from fixtures.clusters import SUPERUSER, both_majors
from fixtures.databases import OWNER, Database
from fixtures.drift import catalog_of, differences, found, psql, script
from fixtures.existing_platform import run
from mivaa_schema import drift
from mivaa_schema.drift.repair import closing_sql


@dataclass(frozen=True)
class Planted:
    """A change behind the revisions.

    Attributes:
        sql: Makes it, as the owner of the tables.
        found: How the lines begin that name it.
        keeps_order: Whether the repair restores the order of columns too, which a dump shows.
        superuser: Whether it takes a superuser to make the change.
    """

    sql: str
    found: tuple[str, ...]
    keeps_order: bool = True
    superuser: bool = False


def planted(sql: str, *lines: str, keeps_order: bool = True, superuser: bool = False) -> Planted:
    return Planted(sql, lines, keeps_order, superuser)


ROLE = '"An, analyst"'
ANALYST = f"do $$ begin create role {ROLE}; exception when duplicate_object then end $$;"
"""A role of the platform's own, with a name that reads like two in a list."""


DOCUMENTS = "public.documents"
KEY = "constraint documents_user_id_fkey on public.documents"
UPDATE = "policy documents_update on public.documents"
TRIGGER = "trigger zz_mivaa_updated_at on public.documents"
REQUIRE = "function mivaa.require_workspace()"
COSINE = "index public.idx_documents_embedding_v2_cosine"

PLANTED = {
    "a missing table": planted(
        "drop table public.processed_documents", "table public.processed_documents: missing"
    ),
    "a missing column": planted(
        "alter table public.documents drop column title",
        "column public.documents.title: missing",
        keeps_order=False,
    ),
    "a missing column that others depend on": planted(
        "alter table public.documents drop column embedding_migration_status cascade",
        "column public.documents.embedding_migration_status: missing",
        "constraint documents_embedding_migration_status_check on public.documents: missing",
        "trigger zz_mivaa_embedding_completed on public.documents: missing",
        keeps_order=False,
    ),
    "a missing column of vectors": planted(
        "alter table public.document_chunks drop column embedding_v2 cascade",
        "column public.document_chunks.embedding_v2: missing",
        "index public.idx_document_chunks_embedding_v2_cosine: missing",
        keeps_order=False,
    ),
    "a type": planted(
        "alter table public.pdf_documents alter column page_count type bigint",
        "column public.pdf_documents.page_count: type is bigint, expected integer",
    ),
    "a type of a column that a trigger uses": planted(
        """
        do $$ declare v text; begin
          select pg_get_triggerdef(oid) into strict v from pg_trigger
            where tgrelid = 'public.documents'::regclass and tgname = 'zz_mivaa_embedding_reset';
          drop trigger zz_mivaa_embedding_reset on public.documents;
          alter table public.documents alter column content type varchar(90000);
          execute v;
          comment on trigger zz_mivaa_embedding_reset on public.documents is 'Planted.';
        end $$""",
        "column public.documents.content: type is character varying(90000), expected text",
    ),
    "a type of a column that a policy uses": planted(
        """
        drop policy workspace_members_isolation on public.workspace_members;
        drop policy workspace_members_delete on public.workspace_members;
        alter table public.workspace_members alter column status type varchar(50);
        create policy workspace_members_isolation on public.workspace_members as restrictive
          using (status = 'active')""",
        "column public.workspace_members.status: type is character varying(50), expected text",
        "policy workspace_members_delete on public.workspace_members: missing",
    ),
    "a nullable column": planted(
        "alter table public.documents alter column status drop not null",
        "column public.documents.status: nullable is null, expected not null",
    ),
    "a column that is not nullable": planted(
        "alter table public.documents alter column title set not null",
        "column public.documents.title: nullable is not null, expected null",
    ),
    "a default": planted(
        "alter table public.documents alter column status set default 'draft'",
        "column public.documents.status: default is 'draft'::text, expected 'active'::text",
    ),
    "a missing default": planted(
        "alter table public.documents alter column id drop default",
        "column public.documents.id: default is nothing, expected gen_random_uuid()",
    ),
    "a default that nobody asked for": planted(
        "alter table public.documents alter column title set default 'untitled'",
        "column public.documents.title: default is 'untitled'::text, expected nothing",
    ),
    "an identity": planted(
        "alter table public.document_chunks"
        " alter column chunk_index add generated by default as identity",
        "column public.document_chunks.chunk_index: identity is d, expected nothing",
    ),
    "a generated column": planted(
        "alter table public.pdf_documents drop column page_count;"
        "alter table public.pdf_documents"
        " add column page_count integer generated always as (1) stored",
        "column public.pdf_documents.page_count: generated is s, expected nothing",
        keeps_order=False,
    ),
    "a storage": planted(
        "alter table public.documents alter column embedding_v2 set storage external",
        "column public.documents.embedding_v2: storage is external, expected plain",
    ),
    "a comment on a column": planted(
        "comment on column public.documents.title is 'Planted.'",
        "column public.documents.title: comment is Planted., expected Title.",
    ),
    "a comment on a table": planted(
        "comment on table public.documents is null",
        "table public.documents: comment is nothing, expected Documents of",
    ),
    "a comment on a policy": planted(
        f"comment on {UPDATE} is 'It''s planted.'", f"{UPDATE}: comment is It's planted."
    ),
    "a comment on a trigger": planted(
        f"comment on {TRIGGER} is 'Planted.'", f"{TRIGGER}: comment is Planted., expected Keeps"
    ),
    "a comment on a function": planted(
        f"comment on {REQUIRE} is 'Planted.'", f"{REQUIRE}: comment is Planted."
    ),
    "a privilege on a table": planted(
        "grant select on public.documents to anon",
        "table public.documents: grant is SELECT to anon, expected nothing to anon",
    ),
    "a privilege of everybody": planted(
        "grant select, insert on public.documents to public",
        "table public.documents: grant is INSERT, SELECT to public, expected nothing to public",
    ),
    "a privilege that is missing": planted(
        "revoke select on public.documents from authenticated",
        "table public.documents: grant is DELETE, INSERT, UPDATE to authenticated",
    ),
    "privileges that are missing altogether": planted(
        "revoke all on public.documents from authenticated, service_role",
        "table public.documents: grant is nothing to authenticated; nothing to service_role",
    ),
    "a privilege that the owner lacks": planted(
        "revoke update on public.documents from postgres", "table public.documents: grant is "
    ),
    "every privilege of the owner": planted(
        "revoke all on public.documents from postgres",
        "table public.documents: grant is nothing to owner",
    ),
    "a privilege that can be passed on": planted(
        "grant select on public.documents to authenticated with grant option",
        "table public.documents: grant is DELETE, INSERT, SELECT*, UPDATE to authenticated",
    ),
    "a privilege on a column": planted(
        "grant select (title), update (title) on public.documents to anon",
        "column public.documents.title: grant is SELECT, UPDATE to anon, expected nothing to anon",
    ),
    "a privilege of a role of the platform's own": planted(
        f"{ANALYST} grant select, truncate on public.documents to {ROLE};"
        f" grant select (content) on public.document_chunks to {ROLE}",
        f"table public.documents: grant is SELECT, TRUNCATE to {ROLE}, expected nothing to {ROLE}",
        f"column public.document_chunks.content: grant is SELECT to {ROLE}",
        superuser=True,
    ),
    "a privilege of such a role on a function and on the ledger": planted(
        f"{ANALYST} grant execute on {REQUIRE} to {ROLE}; grant insert on mivaa.ledger to {ROLE}",
        f"{REQUIRE}: grant is EXECUTE to {ROLE}",
        f"table mivaa.ledger: grant is INSERT to {ROLE}",
        superuser=True,
    ),
    "a privilege on the table of versions": planted(
        "grant select on mivaa.alembic_version to authenticated, service_role;"
        "grant all on mivaa.alembic_version to public",
        "table mivaa.alembic_version: grant is granted to authenticated, service_role, public,"
        " expected granted to owners alone",
    ),
    "a schema that everybody may create in": planted(
        f"{ANALYST} grant create on schema public to public, anon;"
        f" grant create on schema extensions to {ROLE}",
        f"schema extensions: privilege CREATE is granted to {ROLE}, expected granted to owners",
        "schema public: privilege CREATE is granted to anon, public, expected",
        superuser=True,
    ),
    "a privilege on a function": planted(
        f"grant execute on {REQUIRE} to public",
        f"{REQUIRE}: grant is EXECUTE to public, expected nothing to public",
    ),
    "a definer that is open to everybody": planted(
        "grant execute on function mivaa.orphaned_chunks(uuid, integer) to public, anon",
        "function mivaa.orphaned_chunks",
    ),
    "a missing privilege on a function": planted(
        "revoke execute on function mivaa.get_workspace_id() from authenticated",
        "function mivaa.get_workspace_id(): grant is nothing to authenticated",
    ),
    "a privilege on the schema": planted(
        "grant usage on schema mivaa to anon",
        "schema mivaa: grant is USAGE to anon, expected nothing to anon",
    ),
    "a missing privilege on the schema": planted(
        "revoke usage on schema mivaa from authenticated, supabase_auth_admin",
        "schema mivaa: grant is nothing to authenticated; nothing to supabase_auth_admin",
    ),
    "row-level security switched off": planted(
        "alter table public.documents disable row level security",
        "table public.documents: row-level security is off, expected on",
    ),
    "row-level security forced": planted(
        "alter table public.documents force row level security",
        "table public.documents: forced row-level security is on, expected off",
    ),
    "an option": planted(
        "alter table public.documents set (fillfactor = 70)", "table public.documents: options is "
    ),
    "a missing option": planted(
        "alter table public.documents reset (autovacuum_analyze_scale_factor)",
        "table public.documents: options is nothing, expected autovacuum_analyze_scale_factor=0.05",
    ),
    "a condition of a check": planted(
        "alter table public.documents drop constraint documents_status_check;"
        "alter table public.documents add constraint documents_status_check"
        " check (status in ('draft', 'active'))",
        "constraint documents_status_check on public.documents: definition is CHECK",
    ),
    "a missing check": planted(
        "alter table public.documents drop constraint documents_status_check",
        "constraint documents_status_check on public.documents: missing",
    ),
    "a key that is not valid": planted(
        "alter table public.documents drop constraint documents_user_id_fkey;"
        "alter table public.documents add constraint documents_user_id_fkey"
        " foreign key (user_id) references auth.users (id) on delete set null not valid",
        f"{KEY}: validated is no, expected yes",
    ),
    "an action of a key": planted(
        "alter table public.documents drop constraint documents_user_id_fkey;"
        "alter table public.documents add constraint documents_user_id_fkey"
        " foreign key (user_id) references auth.users (id) on delete cascade",
        f"{KEY}: definition is FOREIGN KEY",
    ),
    "a missing key": planted(
        "alter table public.documents drop constraint documents_user_id_fkey", f"{KEY}: missing"
    ),
    "a missing primary key": planted(
        "alter table public.workspaces drop constraint workspaces_pkey cascade",
        "constraint workspaces_pkey on public.workspaces: missing",
        "constraint documents_workspace_id_fkey on public.documents: missing",
    ),
    "another primary key": planted(
        "alter table public.pdf_documents drop constraint pdf_documents_pkey;"
        "alter table public.pdf_documents"
        " add constraint pdf_documents_pkey primary key (workspace_id, id)",
        "constraint pdf_documents_pkey on public.pdf_documents: definition is",
    ),
    "an operator class of an index": planted(
        "drop index public.idx_documents_embedding_v2_cosine;"
        "create index idx_documents_embedding_v2_cosine on public.documents"
        " using hnsw (embedding_v2 vector_l2_ops)",
        f"{COSINE}: definition is",
    ),
    "an option of an index": planted(
        "alter index public.idx_documents_embedding_v2_cosine set (ef_construction = 100)",
        f"{COSINE}: definition is",
    ),
    "a missing index": planted(
        "drop index public.idx_documents_user_created",
        "index public.idx_documents_user_created: missing",
    ),
    "a missing unique index that keys need": planted(
        "drop index public.documents_workspace_id_id_key cascade",
        "index public.documents_workspace_id_id_key: missing",
        "constraint document_chunks_workspace_id_document_id_fkey on public.document_chunks",
    ),
    "another unique index under a key": planted(
        "drop index public.documents_workspace_id_id_key cascade;"
        "create unique index documents_workspace_id_id_key on public.documents"
        " (workspace_id, id) include (user_id);"
        "alter table public.document_chunks"
        " add constraint document_chunks_workspace_id_document_id_fkey"
        " foreign key (workspace_id, document_id) references public.documents (workspace_id, id)"
        " on delete cascade on update cascade;"
        "alter table public.processed_documents"
        " add constraint processed_documents_workspace_id_document_id_fkey"
        " foreign key (workspace_id, document_id) references public.documents (workspace_id, id)"
        " on update cascade on delete set null (document_id) deferrable",
        "index public.documents_workspace_id_id_key: definition is CREATE UNIQUE INDEX",
    ),
    "an INVALID index": Planted(
        "update pg_index set indisvalid = false"
        " where indexrelid = 'public.idx_documents_user_created'::regclass",
        ("index public.idx_documents_user_created: valid is no, expected yes",),
        superuser=True,
    ),
    "a trigger on another event": planted(
        f"create or replace {TRIGGER.replace(' on ', ' before insert on ')}"
        " for each row execute function mivaa.require_workspace()",
        f"{TRIGGER}: definition is CREATE TRIGGER",
    ),
    "a missing trigger": planted(f"drop {TRIGGER}", f"{TRIGGER}: missing"),
    "a trigger switched off": planted(
        "alter table public.documents disable trigger zz_mivaa_updated_at",
        f"{TRIGGER}: enabled is no, expected yes",
    ),
    "a trigger of replicas only": planted(
        "alter table public.documents enable replica trigger zz_mivaa_updated_at",
        f"{TRIGGER}: enabled is replica, expected yes",
    ),
    "a missing policy": planted(f"drop {UPDATE}", f"{UPDATE}: missing"),
    "a condition of a policy": planted(
        f"alter {UPDATE} using (true)", f"{UPDATE}: condition (using) is true, expected"
    ),
    "a check of a policy": planted(
        f"alter {UPDATE} with check (true)", f"{UPDATE}: condition (with check) is true"
    ),
    "a role of a policy": planted(f"alter {UPDATE} to anon", f"{UPDATE}: roles is anon"),
    "a policy that is permissive": planted(
        f"drop {UPDATE}; create {UPDATE} for update using (true) with check (true)",
        f"{UPDATE}: kind is permissive, expected restrictive",
    ),
    "a command of a policy": planted(
        f"drop {UPDATE}; create {UPDATE} as restrictive for select using (true)",
        f"{UPDATE}: command is select, expected update",
    ),
    "a missing function": planted(
        "drop function public.get_embedding_migration_progress()",
        "function public.get_embedding_migration_progress(): missing",
    ),
    "a missing function that triggers use": planted(
        f"drop {REQUIRE} cascade",
        f"{REQUIRE}: missing",
        "trigger zz_mivaa_workspace_required on public.documents: missing",
    ),
    "a missing function that policies use": planted(
        "drop function mivaa.workspace_for(text) cascade",
        "function mivaa.workspace_for(permission_name text): missing",
        "policy documents_insert on public.documents: missing",
    ),
    "a missing function with vectors": planted(
        "do $$ begin execute (select 'drop function ' || oid::regprocedure from pg_proc"
        " where proname = 'search_documents_hybrid'); end $$",
        "function public.search_documents_hybrid(",
    ),
    "a function body": planted(
        "create or replace function mivaa.require_workspace() returns trigger"
        " language plpgsql set search_path = pg_catalog, pg_temp as 'begin return new; end'",
        f"{REQUIRE}: definition in line ",
    ),
    "a function with the rights of its owner": planted(
        "alter function public.cleanup_orphaned_data security definer",
        "function public.cleanup_orphaned_data(",
    ),
    "a function's search path": planted(
        f"alter {REQUIRE} reset search_path", f"{REQUIRE}: definition in line "
    ),
    "a function's volatility": planted(
        "alter function mivaa.get_workspace_id() volatile",
        "function mivaa.get_workspace_id(): definition in line ",
    ),
    "a function that returns something else": planted(
        "drop function mivaa.is_workspace(uuid); create function mivaa.is_workspace(p uuid)"
        " returns text language sql as 'select ''planted'''",
        "function mivaa.is_workspace(",
    ),
    "another argument name of a function that policies use": planted(
        """
        drop function mivaa.is_colleague(uuid) cascade;
        create function mivaa.is_colleague(planted uuid) returns boolean language sql
          as 'select true';
        drop policy workspace_members_delete on public.workspace_members;
        create policy workspace_members_delete on public.workspace_members as restrictive
          for delete using (mivaa.is_colleague(user_id))""",
        "function mivaa.is_colleague(",
        "policy workspace_members_delete on public.workspace_members: condition (using) is",
    ),
    "everything switched off at once": planted(
        """
        alter table public.documents disable row level security, disable trigger user;
        alter table public.document_chunks disable row level security;
        grant all on all tables in schema public to anon, authenticated;
        grant execute on all functions in schema public, mivaa to public;
        drop index public.documents_workspace_id_id_key cascade;
        drop policy documents_access on public.documents""",
        "table public.documents: row-level security is off, expected on",
        "table public.document_chunks: row-level security is off, expected on",
        "table public.workspaces: grant is ",
    ),
}


@both_majors
@pytest.mark.parametrize("name", PLANTED)
def test_a_change_behind_the_revisions_is_named_and_repaired(
    world_database: Database, name: str
) -> None:
    one = PLANTED[name]
    dump, before = world_database.dump(), catalog_of(world_database)
    run(world_database, one.sql, superuser=one.superuser)
    lines = found(world_database)
    for expected in one.found:
        assert any(line.startswith(expected) for line in lines), lines
    # What a superuser has granted, the owner cannot revoke.
    psql(world_database, script(world_database), SUPERUSER if one.superuser else OWNER)
    assert found(world_database) == []
    assert differences(before, catalog_of(world_database)) == []
    if one.keeps_order:
        assert_same(dump, world_database.dump(), "the repair")


def test_a_missing_extension_comes_back_before_what_needs_it(world_database: Database) -> None:
    run(world_database, "drop extension vector cascade", superuser=True)
    lines = found(world_database)
    assert lines[0] == "extension vector: missing"
    assert "column public.documents.embedding_v2: missing" in lines
    # It takes a superuser to create it here.
    psql(world_database, script(world_database), SUPERUSER)
    assert found(world_database) == []


def test_a_role_that_is_trusted_anyway_is_no_drift(world_database: Database) -> None:
    """A superuser, a member of the owner, a role with BYPASSRLS; and whoever looks for drift."""
    run(
        world_database,
        """
        do $$ begin create role backup bypassrls; create role colleague; create role looker;
          grant postgres to colleague; exception when duplicate_object then end $$;
        grant select on all tables in schema public to backup;
        grant select, insert on public.documents to colleague;
        grant create on schema public to colleague;
        grant usage on schema mivaa to looker;
        grant select on mivaa.ledger, mivaa.alembic_version to looker;
        """,
        superuser=True,
    )
    assert found(world_database) == []


ROLES = {
    "bypassrls": ("alter role anon bypassrls", "role anon: BYPASSRLS is on, expected off"),
    "superuser": (
        "alter role authenticated superuser",
        "role authenticated: SUPERUSER is on, expected off",
    ),
    "a membership": (
        "grant service_role to authenticated",
        "role service_role: membership is granted to authenticated, expected granted to no role",
    ),
    "the right to write everything": (
        "grant pg_write_all_data to authenticated",
        "role pg_write_all_data: membership is granted to authenticated, expected",
    ),
    "a login that may become the owner": (
        "grant postgres to authenticator",
        "role postgres: membership is granted to authenticator, expected",
    ),
    "the right to make roles": (
        "alter role anon createrole",
        "role anon: CREATEROLE is on, expected off",
    ),
    "a table of another owner": (
        "create role middle; alter table public.documents owner to middle",
        "table public.documents: owner is middle, expected postgres",
    ),
    "a schema of another owner": (
        "create role middle; alter schema mivaa owner to middle",
        "schema mivaa: owner is middle, expected postgres",
    ),
    "a trigger that runs as whoever writes": (
        """
        create role middle; create schema lair authorization middle; set local role middle;
        create function lair.evil() returns trigger language plpgsql as 'begin return new; end';
        reset role; create trigger evil before insert on public.documents for each row
          execute function lair.evil()""",
        "trigger evil on public.documents: what it executes is a function of middle, expected",
    ),
    "a privilege of a role that sees everything, on what a rollback executes": (
        """
        create role middle bypassrls; grant update on public.migration_tracking to middle;
        grant select on public.documents to middle""",
        "table public.migration_tracking: grant is UPDATE to middle",
    ),
    "a column of the table of versions": (
        "grant update (version_num) on mivaa.alembic_version to anon",
        "table mivaa.alembic_version: grant is granted to anon",
    ),
    "a membership by way of another role": (
        "create role middle; grant service_role to middle; grant middle to anon",
        "role middle: membership is granted to anon, expected",
    ),
}


@pytest.mark.parametrize("name", ROLES)
def test_a_role_of_users_that_no_policy_binds_is_named_and_repaired(
    world_database: Database, name: str
) -> None:
    """In a transaction that is rolled back: roles are those of every database of the server."""
    sql, expected = ROLES[name]
    with world_database.engine(SUPERUSER).connect() as connection:
        connection.exec_driver_sql(sql)
        differences = drift.find(connection)
        assert [str(one) for one in differences if str(one).startswith(expected)], differences
        for statements in closing_sql(connection, differences):
            for statement in statements:
                connection.exec_driver_sql(statement)
        assert drift.find(connection) == []
        connection.rollback()
