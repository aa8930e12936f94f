"""What cannot be adopted is refused before anything is changed, all of it at once."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg2
import pytest
from alembic.util import CommandError

from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.existing_platform import FURTHER_TABLES, make_role, run
from mivaa_schema import preflight


@dataclass(frozen=True)
class Fault:
    """SQL that makes the existing platform unfit, and what is said about it."""

    check: str
    sql: str
    says: str
    superuser: bool = False
    other: str = ""
    """SQL that the superuser runs first."""


TRACKING = "create table public.migration_tracking (id uuid primary key default gen_random_uuid(),"
TRACKED = FURTHER_TABLES[FURTHER_TABLES.index("create table public.migration_tracking") :]

FAULTS = {
    "a trigger of somebody else": Fault(
        "trigger_owner",
        "create trigger planted before insert on public.documents for each row"
        " execute function lair.evil()",
        "trigger planted on public.documents is one that executes lair.evil() of role planter",
        superuser=True,
        other="do $$ begin create role planter; exception when duplicate_object then end $$;"
        "create schema lair authorization planter; grant usage on schema lair to public;"
        "set role planter; create function lair.evil() returns trigger language plpgsql"
        " as 'begin return new; end'; reset role",
    ),
    "an id that is a number": Fault(
        "column_type",
        "create table public.pdf_documents (id serial primary key)",
        "public.pdf_documents.id is integer; expected: uuid",
    ),
    "json for jsonb": Fault(
        "column_type",
        "alter table public.documents alter column metadata type json",
        "public.documents.metadata is json; expected: jsonb. alter table public.documents"
        " alter column metadata type jsonb",
    ),
    "an enumeration for a role": Fault(
        "column_type",
        "create type public.member_role as enum ('owner');"
        "create table public.processed_documents"
        " (id uuid primary key, status public.member_role)",
        "public.processed_documents.status is member_role; expected: text",
    ),
    "a vector of other dimensions": Fault(
        "column_type",
        "alter table public.document_chunks drop column embedding,"
        " add column embedding vector(384)",
        "public.document_chunks.embedding is vector(384); expected: vector(1536)",
    ),
    "a vector without dimensions": Fault(
        "column_type",
        "alter table public.document_chunks add column embedding_v2 vector",
        "public.document_chunks.embedding_v2 is vector; expected: vector(768)",
    ),
    "a time without a zone": Fault(
        "column_type",
        "alter table public.documents alter column updated_at type timestamp",
        "public.documents.updated_at is timestamp without time zone",
    ),
    "a text too short for us": Fault(
        "column_type",
        "alter table public.documents add column embedding_migration_status varchar(8)",
        "public.documents.embedding_migration_status is character varying(8); expected: text,"
        " or character varying(20) and more",
    ),
    "a schema in which everybody creates": Fault(
        "schema_create",
        "select 1",
        "schema public is open for public to create in; expected: a schema in which API roles"
        " create nothing. revoke create on schema public from public;",
        other="grant create on schema public to public",
    ),
    "a schema in which users create": Fault(
        "schema_create",
        "select 1",
        "schema extensions is open for authenticated to create in",
        other="grant create on schema extensions to authenticated",
    ),
    "a generated column": Fault(
        "generated_column",
        "alter table public.documents add column title text generated always as (name) stored",
        "public.documents.title is a generated column",
    ),
    "a key of two columns": Fault(
        "primary_key",
        "create table public.pdf_documents (id uuid, part uuid, primary key (id, part))",
        "public.pdf_documents is keyed by PRIMARY KEY (id, part); expected: PRIMARY KEY (id)",
    ),
    "no key": Fault(
        "primary_key",
        "create table public.pdf_documents (id uuid)",
        "public.pdf_documents is without a primary key",
    ),
    "chunks of something else": Fault(
        "key_target",
        "create table public.articles (id uuid primary key);"
        "alter table public.document_chunks drop constraint document_chunks_document_id_fkey;"
        "delete from public.document_chunks;"
        "alter table public.document_chunks add foreign key (document_id)"
        " references public.articles (id)",
        "public.document_chunks.document_id is a key to articles",
    ),
    "a member with two memberships": Fault(
        "duplicate_membership",
        "alter table public.workspace_members"
        " drop constraint workspace_members_workspace_id_user_id_key;"
        "insert into public.workspace_members (workspace_id, user_id, role)"
        " select workspace_id, user_id, 'admin' from public.workspace_members"
        " where role = 'viewer'",
        "public.workspace_members is holding 2 memberships of user",
    ),
    "a table of another role": Fault(
        "table_owner",
        "alter table public.documents owner to supabase_admin",
        "public.documents is a table of role supabase_admin; expected: a table of role postgres",
        superuser=True,
    ),
    "an owner who is bound too": Fault(
        "forced_row_security",
        "alter table public.documents force row level security",
        "public.documents is under FORCE ROW LEVEL SECURITY",
    ),
    "a view": Fault(
        "table_kind",
        "create view public.pdf_documents as select * from public.documents",
        "public.pdf_documents is a view; expected: an ordinary table",
    ),
    "a partitioned table": Fault(
        "table_kind",
        "create table public.processed_documents (id uuid primary key) partition by hash (id)",
        "public.processed_documents is a partitioned table",
    ),
    "an unlogged table": Fault(
        "table_kind",
        "create unlogged table public.pdf_documents (id uuid primary key)",
        "public.pdf_documents is an unlogged table",
    ),
    "a child of another table": Fault(
        "table_kind",
        "create table public.files (id uuid);"
        "create table public.pdf_documents (primary key (id)) inherits (public.files)",
        "public.pdf_documents is part of an inheritance",
    ),
    "a type": Fault(
        "table_kind",
        "create type public.pdf_documents as enum ('one')",
        "public.pdf_documents is a type",
    ),
    "a table renamed, whose key was not": Fault(
        "key_name",
        "create table public.pdf_documents (id uuid primary key);"
        "alter table public.pdf_documents rename to pdf_documents_of_last_year",
        "public.pdf_documents_pkey is an index of pdf_documents_of_last_year",
    ),
    "a function": Fault(
        "function_name",
        "create function public.mark_migration_complete(text) returns int language sql return 1",
        "mark_migration_complete(text) is a function of role postgres",
    ),
    "a schema of another role": Fault(
        "private_schema",
        "create schema mivaa; grant usage, create on schema mivaa to postgres",
        "schema mivaa is a schema of role supabase_admin",
        superuser=True,
    ),
    "a schema in use": Fault(
        "private_schema",
        "create schema mivaa; create table mivaa.notes (id int)",
        "mivaa.notes is there before the first upgrade",
    ),
    "a policy": Fault(
        "policy_name",
        "create policy documents_select on public.documents using (true)",
        "policy documents_select on public.documents is there already; expected: no policy of"
        " that name. alter policy documents_select on public.documents rename to"
        " documents_select_platform;",
    ),
    "a trigger": Fault(
        "trigger_name",
        "create trigger zz_mivaa_updated_at before update on public.workspaces"
        " for each row execute function public.update_updated_at_column()",
        "trigger zz_mivaa_updated_at on public.workspaces is one that calls"
        " update_updated_at_column()",
    ),
    "an index of another definition": Fault(
        "index_definition",
        "create index idx_documents_workspace_updated on public.documents (workspace_id)",
        "public.idx_documents_workspace_updated is btree (workspace_id); expected: an index of"
        " public.documents, USING btree (workspace_id, updated_at DESC)",
    ),
    "an index of another method": Fault(
        "index_definition",
        "alter table public.documents add column embedding_v2 vector(768);"
        "create index idx_documents_embedding_v2_cosine on public.documents"
        " using ivfflat (embedding_v2 vector_cosine_ops)",
        "public.idx_documents_embedding_v2_cosine is ivfflat (embedding_v2 vector_cosine_ops)",
    ),
    "an index that is not unique": Fault(
        "index_definition",
        "alter table public.workspace_members"
        " drop constraint workspace_members_workspace_id_user_id_key;"
        "create index workspace_members_workspace_id_user_id_key"
        " on public.workspace_members (workspace_id, user_id)",
        "public.workspace_members_workspace_id_user_id_key is not unique",
    ),
    "a constraint that may be deferred": Fault(
        "index_definition",
        "alter table public.workspace_members"
        " drop constraint workspace_members_workspace_id_user_id_key,"
        " add unique (workspace_id, user_id) deferrable",
        "workspace_members_workspace_id_user_id_key is the index of a deferrable constraint",
    ),
    "an index of another table": Fault(
        "index_definition",
        "create index idx_pdf_documents_user_id on public.workspaces (id)",
        "public.idx_pdf_documents_user_id is an index of workspaces",
    ),
    "a table under the name of an index": Fault(
        "index_definition",
        "create table public.idx_documents_workspace_updated (id int)",
        "public.idx_documents_workspace_updated is no index",
    ),
    "rollback SQL of somebody else": Fault(
        "foreign_rollback",
        TRACKED + "update public.migration_tracking set rollback_sql = 'drop schema public'",
        "public.migration_tracking is holding rollback_sql in 2 row(s)",
    ),
    "a phase recorded twice": Fault(
        "duplicate_phase",
        TRACKED + "update public.migration_tracking set phase = 'one'",
        "public.migration_tracking is holding 2 rows of phase 'one' of migration 'earlier_work'",
    ),
    "records under our name": Fault(
        "reserved_migration",
        TRACKED + "update public.migration_tracking set migration_name = 'mivaa_integration'",
        "public.migration_tracking is holding 2 row(s) of migration 'mivaa_integration'",
    ),
    "a column that a record would lack": Fault(
        "tracking_column",
        TRACKING + " migration_name text, phase text, server text not null)",
        "public.migration_tracking.server is NOT NULL without a default",
    ),
    "a check that refuses records": Fault(
        "tracking_status",
        TRACKING + " status text check (status in ('pending', 'completed')))",
        "constraint migration_tracking_status_check of public.migration_tracking is CHECK",
    ),
    "privileges of another grantor": Fault(
        "privilege",
        "set role service_role; grant select on public.documents to anon;"
        " grant update (name) on public.documents to public; reset role",
        "public.documents is open to anon: SELECT granted by service_role",
        other="grant select, update on public.documents to service_role with grant option",
        superuser=True,
    ),
    "two vectors too many in a row": Fault(
        "embedding_storage",
        "alter table public.documents alter column embedding set storage plain",
        "public.documents.embedding is of STORAGE PLAIN",
    ),
}


def refusal(database: Database, **x: str) -> str:
    """What is said when the upgrade is refused; the database must be as it was."""
    before = database.dump()
    with pytest.raises(CommandError, match="cannot be adopted") as caught:
        database.upgrade("head", **x)
    assert database.dump() == before
    return str(caught.value)


def script_refusal(database: Database) -> str:
    """What the script's first statement says; empty if nothing stops the upgrade."""
    connection = psycopg2.connect(database.url())
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("set search_path = public, extensions")
            cursor.execute(preflight.offline())
    except psycopg2.errors.ObjectNotInPrerequisiteState as error:
        return error.diag.message_primary or ""
    finally:
        connection.close()
    return ""


def plant(database: Database, fault: Fault) -> None:
    if fault.other:
        run(database, fault.other, superuser=True)
    run(database, fault.sql, superuser=fault.superuser)


@pytest.mark.parametrize("name", FAULTS)
def test_it_is_refused_and_nothing_is_changed(existing_database: Database, name: str) -> None:
    fault = FAULTS[name]
    plant(existing_database, fault)
    message = refusal(existing_database)
    assert fault.says in message
    with existing_database.owner() as connection:
        found = {
            finding.check for finding in preflight.report(connection) if finding.severity == "error"
        }
    assert found == {fault.check}
    assert script_refusal(existing_database).replace("same script", "same command") == message


TOGETHER = (
    "json for jsonb",
    "a time without a zone",
    "no key",
    "a member with two memberships",
    "an owner who is bound too",
    "a function",
    "a schema in use",
    "a policy",
    "a trigger",
    "an index of another definition",
    "rollback SQL of somebody else",
    "privileges of another grantor",
    "two vectors too many in a row",
)


@both_majors
def test_everything_is_said_at_once(existing_database: Database) -> None:
    for name in TOGETHER:
        plant(existing_database, FAULTS[name])
    message = refusal(existing_database)
    for name in TOGETHER:
        assert FAULTS[name].says in message
    assert f"Errors: {len(TOGETHER) + 1}.\n  1. " in message
    assert message.endswith("Correct each of them, then run the same command again.")


@both_majors
def test_the_script_refuses_with_the_message_of_the_upgrade(existing_database: Database) -> None:
    for name in TOGETHER:
        plant(existing_database, FAULTS[name])
    online = refusal(existing_database)
    before = existing_database.dump()
    assert script_refusal(existing_database).replace("same script", "same command") == online
    assert existing_database.dump() == before


def test_what_is_corrected_is_adopted(existing_database: Database) -> None:
    plant(existing_database, FAULTS["a policy"])
    plant(existing_database, FAULTS["an index of another definition"])
    refusal(existing_database)
    run(
        existing_database,
        "alter policy documents_select on public.documents rename to documents_select_platform;"
        "alter index public.idx_documents_workspace_updated rename to idx_documents_workspace_old",
    )
    existing_database.upgrade()


@pytest.mark.parametrize("lock_members", ["yes", "no"])
def test_a_policy_on_members_is_an_error_only_with_lock_members(
    existing_database: Database, lock_members: str
) -> None:
    run(
        existing_database,
        "create policy workspace_members_access on public.workspace_members using (true)",
    )
    if lock_members == "yes":
        message = refusal(existing_database, lock_members="yes")
        assert "policy workspace_members_access on public.workspace_members" in message
    else:
        existing_database.upgrade()


def test_privileges_that_a_member_of_the_owner_granted_are_the_owners(
    existing_database: Database,
) -> None:
    make_role(existing_database, "team")
    run(
        existing_database,
        "grant team to postgres; grant create on schema public to team;"
        "alter table public.documents owner to team",
        superuser=True,
    )
    run(existing_database, "grant select on public.documents to anon")
    before = existing_database.dump()
    existing_database.upgrade()
    existing_database.downgrade()
    assert existing_database.dump() == before
