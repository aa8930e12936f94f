"""Statements that define, change or empty things: refused to users, executed for their owner.

That the owner of the tables (or the superuser) can execute the same statement shows that it was
refused for the lack of rights, and not for a slip of the pen.
"""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Connection

from fixtures.clusters import SUPERUSER, both_majors
from fixtures.databases import OWNER, Database
from fixtures.intruder import EDITOR, SERVICE, Attacker, become, run, state, superuser

TABLES = Attacker("owner of the tables", OWNER)
SUPER = Attacker("superuser", SUPERUSER)

OWNERS = {
    "truncate": "truncate public.documents cascade",
    "cluster": "cluster public.documents using documents_pkey",
    "reindex": "reindex table public.documents",
    "disable row security": "alter table public.documents disable row level security",
    "add a policy": "create policy mine on public.documents using (true)",
    "loosen a policy": "alter policy documents_select on public.documents using (true)",
    "drop a policy": "drop policy documents_select on public.documents",
    "add a trigger": "create trigger mine before insert on public.documents for each row"
    " execute function mivaa.touch_updated_at()",
    "disable triggers": "alter table public.documents disable trigger user",
    "add a rule": "create rule mine as on insert to public.documents do also notify mine",
    "add a column": "alter table public.documents add column mine text",
    "change a default": "alter table public.documents alter column user_id set default auth.uid()",
    "drop a key": "alter table public.document_chunks drop constraint"
    " document_chunks_workspace_id_document_id_fkey",
    "add an index": "create index mine on public.documents (title)",
    "add statistics": "create statistics mine on title, status from public.documents",
    "inherit": "create table public.mine () inherits (public.documents)",
    "comment": "comment on table public.documents is 'mine'",
    "rename": "alter table public.documents rename to mine",
    "drop": "drop table public.processed_documents",
    "create a table": "create table public.mine (id uuid)",
    "create a view": "create view public.mine as select * from public.documents",
    "create a materialised view": "create materialized view public.mine as select 1 as one",
    "create a function": "create function public.mine() returns int language sql as 'select 1'",
    "replace a function": "create or replace function mivaa.touch_updated_at() returns trigger"
    " language plpgsql as 'begin return new; end'",
    "loosen a function": "alter function mivaa.user_id() security definer",
    "create in the private schema": "create table mivaa.mine (id uuid)",
    "create a type": "create type public.mine as enum ('a')",
    "create a domain": "create domain mivaa.mine as text",
    "create an operator": "create operator public.=== (leftarg = uuid, rightarg = uuid,"
    " function = uuid_eq)",
    "rewrite defaults": "alter default privileges in schema public grant all on tables to public",
    "publish": "alter table public.documents replica identity full",
    "hide the chain": "update mivaa.alembic_version set version_num = version_num",
    "read the ledger": "select * from mivaa.ledger",
    "read what a rollback executes": "update public.migration_tracking set rollback_sql = 'x'",
    "mark a phase": "select public.mark_migration_complete('mine', 'mine', 'drop table x')",
    "work as the owner": "alter table public.documents owner to postgres",
}
"""Statements of the owner of the tables."""

SUPERUSERS = {
    "run a program": "copy (select 1) to program 'cat > /dev/null'",
    "read a file": "select pg_read_file('postgresql.conf', 0, 1)",
    "list files": "select count(*) from pg_ls_dir('.')",
    "import a file": "select lo_import('postgresql.conf')",
    "watch definitions": "create event trigger mine on ddl_command_start execute function mine()",
    "be leakproof": "alter function pg_temp.mine() leakproof",
    "create a language function": "create function pg_temp.c() returns int language internal"
    " as 'pg_backend_pid'",
    "change how text is compared": "create operator class mine default for type text using btree"
    " as operator 1 <",
    "cast text": "create cast (text as uuid) with inout as implicit",
    "read statistics": "select count(*) from pg_statistic",
    "read passwords": "select count(*) from pg_authid",
    "change the server": "alter role authenticated superuser",
    "create a role": "create role mine superuser",
    "reach other servers": "create foreign data wrapper mine",
    "change catalogs": "update pg_class set relrowsecurity = relrowsecurity"
    " where oid = 'public.documents'::regclass",
}
"""Statements of superusers, and of roles that are given their rights one by one."""

NOT_IN_A_TEST = {"watch definitions", "change how text is compared"}
"""These take more than one statement; what refuses them comes before it looks at the rest."""


def prepare(connection: Connection) -> None:
    run(connection, "create function pg_temp.mine() returns int language sql as 'select 1'")


@both_majors
@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
@pytest.mark.parametrize("what", OWNERS)
def test_no_api_role_executes_a_statement_of_the_owner(
    attacked: Database, role: str, what: str
) -> None:
    sql = OWNERS[what]
    with superuser(attacked) as connection:
        become(connection, TABLES)
        assert state(connection, sql) == "00000", "the owner cannot do it either"
        become(connection, Attacker(role, role, EDITOR.claims))
        if sql.startswith("alter default privileges"):
            # For roles of one's own it is allowed, and does nothing: they create in no schema.
            sql = sql.replace("privileges", f"privileges for role {OWNER}")
        assert state(connection, sql) == "42501"
        assert state(connection, f"do $do$begin execute $x${sql}$x$; end$do$") == "42501"


@both_majors
@pytest.mark.parametrize("what", SUPERUSERS)
def test_no_user_executes_a_statement_of_a_superuser(attacked: Database, what: str) -> None:
    with superuser(attacked) as connection:
        for who in (EDITOR, SERVICE):
            become(connection, who)
            run(connection, "savepoint made")
            prepare(connection)
            assert state(connection, SUPERUSERS[what]) == "42501"
            run(connection, "rollback to savepoint made")
        if what not in NOT_IN_A_TEST:
            become(connection, SUPER)
            prepare(connection)
            assert state(connection, SUPERUSERS[what]) == "00000", "the superuser cannot either"


@both_majors
@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_nobody_hands_on_what_they_were_given(attacked: Database, role: str) -> None:
    """PostgreSQL only warns, so what counts is that the privileges are the same afterwards."""
    grants = (
        "grant all on all tables in schema public to anon",
        "grant all on all functions in schema public to public",
        "grant usage on schema mivaa to anon",
        "revoke all on public.documents from authenticated",
    )
    look = (
        "select array(select (oid, relacl)::text from pg_class where relnamespace ="
        " 'public'::regnamespace order by oid), array(select (oid, proacl)::text from pg_proc"
        " where pronamespace in ('public'::regnamespace, 'mivaa'::regnamespace) order by oid),"
        " array(select (oid, nspacl)::text from pg_namespace order by oid)"
    )
    with superuser(attacked) as connection:
        before = run(connection, look).one()
        become(connection, Attacker(role, role, EDITOR.claims))
        for grant in grants:
            run(connection, "savepoint granting")
            state(connection, grant)
            run(connection, "reset role")
            assert run(connection, look).one() == before, grant
            become(connection, Attacker(role, role, EDITOR.claims))
        become(connection, TABLES)
        run(connection, grants[-1])
        assert run(connection, look).one() != before


@both_majors
def test_nobody_analyses_or_vacuums_tables_of_ours(attacked: Database) -> None:
    """PostgreSQL passes over tables of somebody else with a warning."""
    with superuser(attacked) as connection:
        # In this database the server counts where it is told to only.
        run(connection, "set local track_counts = on")
        last = "select pg_stat_get_last_analyze_time('public.documents'::regclass)"
        before = run(connection, last).scalar_one()
        for who in (EDITOR, SERVICE):
            become(connection, who)
            run(connection, "analyze public.documents")
            run(connection, "select pg_stat_clear_snapshot()")
            assert run(connection, last).scalar_one() == before
        become(connection, TABLES)
        run(connection, "analyze public.documents")
        run(connection, "select pg_stat_clear_snapshot()")
        assert run(connection, last).scalar_one() > before


@both_majors
def test_no_key_of_the_attacker_refers_to_a_table_of_ours(attacked: Database) -> None:
    """A temporary table may not, and no other can be made."""
    sql = "create temporary table mine (id uuid references public.documents (id))"
    with superuser(attacked) as connection:
        become(connection, EDITOR)
        assert state(connection, sql) in ("42501", "42P16")
        run(connection, "create temporary table ours (id uuid primary key)")
        assert state(connection, sql.replace("public.documents", "ours")) == "00000"


@both_majors
def test_nobody_stops_the_statements_of_other_roles(attacked: Database) -> None:
    with attacked.engine().connect() as other, superuser(attacked) as connection:
        pid = run(other, "select pg_backend_pid()").scalar_one()
        for who in (EDITOR, SERVICE):
            become(connection, who)
            for stop in ("cancel", "terminate"):
                assert state(connection, f"select pg_{stop}_backend({pid})") == "42501"
        become(connection, TABLES)
        # Nothing runs in that session, so nothing is cancelled.
        assert run(connection, f"select pg_cancel_backend({pid})").scalar_one() is True
