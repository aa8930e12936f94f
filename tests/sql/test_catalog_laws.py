"""Laws of the catalog: what holds for every object of ours, the ones to come included.

Each law is a query for the objects that break it, with the remedy; a fault that it must find; and,
where one is near, a look-alike that it must leave alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy.engine import Connection

from fixtures.calls import Worlds
from fixtures.clusters import both_majors

OURS = """
with ours as (
  select c.oid, n.nspname || '.' || c.relname as name, c.relrowsecurity, c.relforcerowsecurity,
    c.relacl, c.relowner, c.relname
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('public', 'mivaa') and c.relkind in ('r', 'p', 'v', 'm', 'f')
    -- Alembic makes this one; the law about privileges keeps it closed.
    and not (n.nspname = 'mivaa' and c.relname = 'alembic_version')
), functions as (
  select p.*, p.oid::regprocedure::text as name, n.nspname
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname in ('public', 'mivaa') and not exists (
    select from pg_depend d where d.objid = p.oid and d.deptype = 'e'
  )
), policies as (
  select p.oid, p.polname, o.name as table_name, o.relname, p.polname || ' on ' || o.name as name,
    p.polpermissive, p.polcmd, p.polroles,
    coalesce(pg_get_expr(p.polqual, p.polrelid), '') || ' '
      || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') as condition
  from pg_policy p join ours o on o.oid = p.polrelid
  -- Policies of somebody else are the platform's affair.
  where starts_with(p.polname, o.relname || '_')
)
"""

# Tables that API roles never reach need no policy: without one, row-level security shows nothing.
CLOSED = "('mivaa.ledger', 'public.migration_tracking')"

# Functions for the owner of the tables alone: what they execute runs with the owner's rights.
OWNER_ONLY = "('mark_migration_complete', 'rollback_migration_phase')"

PRIVILEGES = """
values
  ('public.workspaces', 'authenticated', 'SELECT'),
  ('public.workspaces', 'service_role', 'DELETE,INSERT,SELECT,UPDATE'),
  ('public.workspace_members', 'authenticated', 'SELECT'),
  ('public.workspace_members', 'service_role', 'DELETE,INSERT,SELECT,UPDATE'),
  ('public.documents', 'authenticated', 'DELETE,INSERT,SELECT,UPDATE'),
  ('public.documents', 'service_role', 'DELETE,INSERT,SELECT,UPDATE'),
  ('public.document_chunks', 'authenticated', 'DELETE,INSERT,SELECT,UPDATE'),
  ('public.document_chunks', 'service_role', 'DELETE,INSERT,SELECT,UPDATE'),
  ('public.pdf_documents', 'authenticated', 'DELETE,INSERT,SELECT,UPDATE'),
  ('public.pdf_documents', 'service_role', 'DELETE,INSERT,SELECT,UPDATE'),
  ('public.processed_documents', 'authenticated', 'DELETE,INSERT,SELECT,UPDATE'),
  ('public.processed_documents', 'service_role', 'DELETE,INSERT,SELECT,UPDATE'),
  ('public.migration_tracking', 'service_role', 'SELECT')
"""
"""Every privilege that somebody else than the owner has on a relation; what is not here is not."""


@dataclass(frozen=True, slots=True)
class Law:
    """A law, the query for what breaks it, and the proof that it sees.

    Attributes:
        name: The law in words.
        query: Objects that break it, over the sets in ``OURS``.
        remedy: What to do about them.
        fault: Statements that break the law, run as superuser.
        culprit: The object that the query must name then.
        look_alike: Statements that do not break it, though they come near.
    """

    name: str
    query: str
    remedy: str
    fault: str
    culprit: str
    look_alike: str = ""


LAWS = (
    Law(
        "row-level security is on",
        "select name from ours where not relrowsecurity",
        "alter table ... enable row level security, in the revision that creates the table",
        "alter table public.documents disable row level security",
        "public.documents",
    ),
    Law(
        "row-level security is not forced on the owner, as whom the private definers look up",
        "select name from ours where relforcerowsecurity",
        "alter table ... no force row level security",
        "alter table public.workspace_members force row level security",
        "public.workspace_members",
    ),
    Law(
        "every table that API roles reach has policies",
        "select name from ours o where not exists (select from policies p"
        f" where p.table_name = o.name) and name not in {CLOSED}",
        "add a file per policy to sql/policies",
        "create table public.planted (id uuid);"
        " alter table public.planted enable row level security;"
        " create policy everybody on public.planted using (true)",
        "public.planted",
    ),
    Law(
        "a table with rows of workspaces has all six policies",
        "select o.name || ': ' || wanted from ours o,"
        " unnest(array['access', 'isolation', 'select', 'insert', 'update', 'delete']) wanted"
        " where exists (select from pg_attribute a where a.attrelid = o.oid"
        " and a.attname = 'workspace_id') and o.relname <> 'workspace_members'"
        " and not exists (select from policies p where p.table_name = o.name"
        " and p.polname = o.relname || '_' || wanted)",
        "add the policy to sql/policies; all six stand there for every such table",
        "drop policy documents_delete on public.documents",
        "public.documents: delete",
    ),
    Law(
        "conditions are restrictive",
        "select name from policies where polpermissive and polname <> relname || '_access'",
        'make the policy "as restrictive": a permissive one is an alternative, no condition',
        "drop policy documents_isolation on public.documents;"
        " create policy documents_isolation on public.documents to authenticated using (true)",
        "documents_isolation on public.documents",
        "create policy everybody on public.documents using (true)",
    ),
    Law(
        "one policy of a table admits, and it is the permissive one",
        "select table_name from policies group by table_name"
        " having count(*) filter (where polpermissive) <> 1",
        "keep <table>_access as the only permissive policy",
        "create policy documents_also on public.documents to authenticated using (true)",
        "public.documents",
        "create policy everybody on public.documents using (true)",
    ),
    Law(
        "policies are for authenticated",
        "select name from policies where polroles <> array['authenticated'::regrole::oid]",
        'write "to authenticated": without it, a policy is run for every role there is',
        "alter policy documents_select on public.documents to public",
        "documents_select on public.documents",
    ),
    Law(
        "policies call functions once a statement and not once a row",
        "select name from policies where regexp_replace(condition,"
        r" '\( SELECT (?:[^()]|\([^()]*\))*\)', '', 'g') ~ '\w\('",
        "wrap the call: (select f())",
        "alter policy documents_select on public.documents"
        " using (mivaa.has_permission('read') and (select mivaa.user_id()) is not null)",
        "documents_select on public.documents",
        "alter policy documents_select on public.documents"
        " using ((select mivaa.has_permission('read')) and title is not null)",
    ),
    Law(
        "what policies call can run in parallel workers and is planned as stable",
        "select f.name from functions f join ("
        " with recursive used as ("
        "  select d.refobjid as oid from pg_depend d where d.classid = 'pg_policy'::regclass"
        "  and d.refclassid = 'pg_proc'::regclass"
        "  union select callee.oid from used join pg_proc caller on caller.oid = used.oid"
        "  join pg_proc callee on callee.pronamespace = 'mivaa'::regnamespace"
        r"  and caller.prosrc ~ ('mivaa\.' || callee.proname || '\M')"
        " ) select oid from used) used on used.oid = f.oid"
        " where f.provolatile = 'v' or f.proparallel <> 's'",
        "say stable (or immutable) and parallel safe, and make it true",
        "alter function mivaa.json_setting(text) parallel unsafe",
        "mivaa.json_setting(text)",
        "create function mivaa.planted() returns int language sql set search_path = ''"
        " as 'select 1'",
    ),
    Law(
        "every function pins its search_path to schemas in which API roles cannot create",
        "select name from functions where not coalesce(proconfig, '{}') && array["
        "'search_path=\"\"', 'search_path=pg_catalog, extensions, public, pg_temp']",
        "set search_path = '', or pg_catalog, extensions, public, pg_temp for vector types",
        "alter function mivaa.user_id() reset search_path",
        "mivaa.user_id()",
        "alter function mivaa.user_id() set plan_cache_mode = force_custom_plan",
    ),
    Law(
        "functions that run with their owner's rights live in schema mivaa",
        "select name from functions where prosecdef and nspname <> 'mivaa'",
        "make it security invoker, and move what needs more into a private definer",
        "create function public.planted() returns int language sql security definer"
        " set search_path = '' as 'select 1'",
        "planted()",
        "create function mivaa.planted() returns int language sql security definer"
        " set search_path = '' as 'select 1'",
    ),
    Law(
        "neither PUBLIC nor anon executes anything",
        "select name || ': ' || coalesce(r.rolname, 'public') from functions f,"
        " aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a"
        " left join pg_roles r on r.oid = a.grantee"
        " where a.grantee = 0 or r.rolname = 'anon'",
        "create functions by create_functions(), which revokes what they are born with",
        "create function mivaa.planted() returns int language sql set search_path = ''"
        " as 'select 1'",
        "mivaa.planted(): public",
    ),
    Law(
        "functions of the API are granted to its roles, and the owner's to nobody",
        "select f.name || ': ' || r.rolname from functions f,"
        " pg_roles r where r.rolname in ('authenticated', 'service_role')"
        " and f.nspname = 'public' and f.prorettype <> 'trigger'::regtype"
        " and has_function_privilege(r.oid, f.oid, 'execute')"
        f" = (f.proname in {OWNER_ONLY})",
        "grant execute in sql/grants.sql, or add the function to those of the owner",
        "grant execute on function public.rollback_migration_phase(text, text) to service_role",
        "rollback_migration_phase(text,text): service_role",
    ),
    Law(
        "relations have exactly these privileges",
        "select coalesce(found.relation, wanted.relation) || ': ' || coalesce(found.grantee,"
        " wanted.grantee) || ' has ' || coalesce(found.privileges, 'nothing') || ', expected '"
        " || coalesce(wanted.privileges, 'nothing') from ("
        "  select n.nspname || '.' || c.relname as relation,"
        "  coalesce(r.rolname, 'public') as grantee, string_agg(a.privilege_type"
        "  || case when a.is_grantable then ' with grant option' else '' end, ','"
        "  order by a.privilege_type) as privileges"
        "  from pg_class c join pg_namespace n on n.oid = c.relnamespace,"
        "  aclexplode(coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r'"
        '  end::"char", c.relowner))) a left join pg_roles r on r.oid = a.grantee'
        "  where n.nspname in ('public', 'mivaa') and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')"
        "  and a.grantee <> c.relowner group by 1, 2"
        " ) found full join (" + PRIVILEGES + ") wanted (relation, grantee, privileges)"
        " on wanted.relation = found.relation and wanted.grantee = found.grantee"
        " where found.privileges is distinct from wanted.privileges",
        "revoke it, or grant it in sql/grants.sql and here",
        "grant truncate on public.documents to authenticated",
        "public.documents: authenticated has DELETE,INSERT,SELECT,TRUNCATE,UPDATE,"
        " expected DELETE,INSERT,SELECT,UPDATE",
    ),
    Law(
        "no privilege stands on a single column",
        "select o.name || '.' || a.attname from ours o join pg_attribute a on a.attrelid = o.oid"
        " where a.attacl is not null",
        "revoke it: a column's privilege outlives a revoke from its table",
        "grant update (role) on public.workspace_members to authenticated",
        "public.workspace_members.role",
    ),
    Law(
        "API roles use schema mivaa, and create in no schema of ours",
        "select n.nspname || ': ' || r.rolname || ' ' || p from pg_namespace n, pg_roles r,"
        " unnest(array['usage', 'create']) p where n.nspname in ('public', 'mivaa', 'auth')"
        " and r.rolname in ('anon', 'authenticated', 'service_role')"
        " and has_schema_privilege(r.oid, n.oid, p)"
        " and (p = 'create' or (n.nspname = 'mivaa' and r.rolname = 'anon'))",
        "revoke it",
        "grant usage on schema mivaa to anon",
        "mivaa: anon usage",
    ),
    Law(
        "schema auth holds what the platform put there, and aliases that the ledger records",
        "select p.oid::regprocedure::text from pg_proc p"
        " where p.pronamespace = 'auth'::regnamespace"
        " and p.proname not in ('uid', 'jwt', 'role') and not exists ("
        "  select from mivaa.ledger l where l.kind = 'function' and l.identity ="
        "  'auth.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')')"
        " union all select c.oid::regclass::text from pg_class c"
        " where c.relnamespace = 'auth'::regnamespace and c.relkind in ('r', 'v', 'm', 'S')"
        " and c.relname <> 'users'"
        " union all select l.identity from mivaa.ledger l where l.identity like 'auth.%'"
        " and to_regprocedure(regexp_replace(l.identity, '\\w+ (\\w+)', '\\1', 'g')) is null",
        "create nothing in auth, which is the platform's; put it in schema mivaa",
        "create function auth.get_user_role() returns text language sql as 'select null::text'",
        "auth.get_user_role()",
        "create function auth.get_user_role() returns text language sql as 'select null::text';"
        " insert into mivaa.ledger (kind, identity) values ('function', 'auth.get_user_role()')",
    ),
    Law(
        "every table says what it holds",
        "select name from ours where obj_description(oid, 'pg_class') is null",
        "give the model and the revision a comment",
        "comment on table public.documents is null",
        "public.documents",
    ),
    Law(
        "every column says what it holds",
        "select o.name || '.' || a.attname from ours o join pg_attribute a on a.attrelid = o.oid"
        " where a.attnum > 0 and not a.attisdropped"
        " and col_description(a.attrelid, a.attnum) is null",
        "give the column a comment in the model and in the revision",
        "comment on column public.documents.title is null",
        "public.documents.title",
    ),
    Law(
        "every function says what it is for",
        "select name from functions where obj_description(oid, 'pg_proc') is null",
        "add it to sql/comments.sql",
        "comment on function mivaa.user_id() is null",
        "mivaa.user_id()",
    ),
    Law(
        "every policy says what it is for",
        "select name from policies where obj_description(oid, 'pg_policy') is null",
        "add it to sql/comments.sql",
        "comment on policy documents_access on public.documents is null",
        "documents_access on public.documents",
    ),
    Law(
        "every trigger says what it is for",
        "select t.tgname || ' on ' || o.name from pg_trigger t join ours o on o.oid = t.tgrelid"
        " where not t.tgisinternal and obj_description(t.oid, 'pg_trigger') is null",
        "add it to sql/comments.sql",
        "comment on trigger zz_mivaa_updated_at on public.documents is null",
        "zz_mivaa_updated_at on public.documents",
    ),
    Law(
        "a foreign key has an index that finds its rows when the referenced one is deleted",
        # The index begins with all columns of the key, or with the one that is not the workspace:
        # that one alone leads to few rows. It holds all rows, or all whose column is not null.
        "select o.name || '.' || k.conname from pg_constraint k join ours o on o.oid = k.conrelid"
        # A row a phase: nothing to find.
        " where k.contype = 'f' and o.name <> 'public.migration_tracking' and not exists ("
        "  select from pg_index i where i.indrelid = k.conrelid and i.indisvalid"
        "  and (i.indpred is null"
        r"   or pg_get_expr(i.indpred, i.indrelid) ~ '^\(\w+ IS NOT NULL\)$')"
        "  and ((i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey"
        "   or (cardinality(k.conkey) > 1 and i.indkey[0] = any (k.conkey) and i.indkey[0] <> ("
        "    select a.attnum from pg_attribute a where a.attrelid = k.conrelid"
        "    and a.attname = 'workspace_id'))))",
        "build an index on its columns, in a revision before the key",
        "drop index public.idx_document_chunks_document_id",
        "public.document_chunks.document_chunks_workspace_id_document_id_fkey",
        "drop index public.idx_workspaces_created_by; create index on public.workspaces"
        " (created_by, name) where created_by is not null",
    ),
    Law(
        "nothing counts across workspaces",
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind = 'S' and n.nspname in ('public', 'mivaa')",
        "use uuid keys: a sequence ties all workspaces to one server",
        "create sequence public.planted",
        "planted",
    ),
)


def broken(connection: Connection, law: Law) -> list[str]:
    """The objects that break a law."""
    connection.exec_driver_sql("set local search_path = pg_catalog, public")
    found = connection.exec_driver_sql(OURS + law.query, execution_options={"no_parameters": True})
    return [str(name) for (name,) in found]


def plant(connection: Connection, statements: str) -> None:
    connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


@both_majors
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_the_law_holds(worlds: Worlds, major: int, law: Law) -> None:
    with worlds(major).owner() as connection:
        culprits = broken(connection, law)
    assert not culprits, (
        f"The law is: {law.name}. It is broken by {'; '.join(culprits)}. Remedy: {law.remedy}."
    )


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_the_law_finds_a_fault(superuser: Connection, law: Law) -> None:
    plant(superuser, law.fault)
    assert law.culprit in broken(superuser, law)


@pytest.mark.parametrize("law", [law for law in LAWS if law.look_alike], ids=lambda law: law.name)
def test_the_law_leaves_a_look_alike_alone(superuser: Connection, law: Law) -> None:
    plant(superuser, law.look_alike)
    assert broken(superuser, law) == []
