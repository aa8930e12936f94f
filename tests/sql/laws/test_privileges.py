"""Laws of privileges: what each role may do, compared in full; what is not here is not."""

from __future__ import annotations

from fixtures.laws import Law, checks_of

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

SCHEMA = """
values ('authenticated', 'USAGE'), ('service_role', 'USAGE'), ('supabase_auth_admin', 'USAGE')
"""
"""Every privilege that somebody else than the owner has on schema mivaa."""

ELSEWHERE = "create schema platform; create table platform.planted (id uuid);"

LAWS = (
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
        {
            "grant truncate on public.documents to authenticated": (
                "public.documents: authenticated has DELETE,INSERT,SELECT,TRUNCATE,UPDATE,"
                " expected DELETE,INSERT,SELECT,UPDATE"
            ),
            "grant select on mivaa.alembic_version to public": (
                "mivaa.alembic_version: public has SELECT, expected nothing"
            ),
            "grant select on public.workspaces to authenticated with grant option": (
                "public.workspaces: authenticated has SELECT with grant option, expected SELECT"
            ),
            "revoke all on public.migration_tracking from service_role": (
                "public.migration_tracking: service_role has nothing, expected SELECT"
            ),
        },
        ELSEWHERE + " grant all on platform.planted to anon; grant select on public.documents"
        " to postgres",
    ),
    Law(
        "no privilege stands on a single column",
        "select o.name || '.' || a.attname from ours o join pg_attribute a on a.attrelid = o.oid"
        " where a.attacl is not null",
        "revoke it: a column's privilege outlives a revoke from its table",
        {
            "grant update (role) on public.workspace_members to authenticated": (
                "public.workspace_members.role"
            )
        },
        "grant update on public.workspace_members to authenticated",
    ),
    Law(
        "schema mivaa has exactly these privileges",
        "select coalesce(found.role, wanted.role) || ' has ' || coalesce(found.privileges,"
        " 'nothing') || ', expected ' || coalesce(wanted.privileges, 'nothing') from ("
        "  select coalesce(r.rolname, 'public') as role, string_agg(a.privilege_type || case when"
        "  a.is_grantable then ' with grant option' else '' end, ',' order by a.privilege_type)"
        "  as privileges from pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n',"
        "  n.nspowner))) a left join pg_roles r on r.oid = a.grantee"
        "  where n.nspname = 'mivaa' and a.grantee <> n.nspowner group by 1"
        " ) found full join (" + SCHEMA + ") wanted (role, privileges)"
        " on wanted.role = found.role where found.privileges is distinct from wanted.privileges",
        "revoke it, or grant it in sql/grants.sql and here",
        {
            "grant usage on schema mivaa to anon": "anon has USAGE, expected nothing",
            "grant create on schema mivaa to service_role": (
                "service_role has CREATE,USAGE, expected USAGE"
            ),
            "revoke usage on schema mivaa from authenticated": (
                "authenticated has nothing, expected USAGE"
            ),
        },
        ELSEWHERE + " grant usage on schema platform to anon;"
        " grant usage on schema mivaa to postgres",
    ),
    Law(
        "API roles create in no schema",
        "select n.nspname || ': ' || r.rolname from pg_namespace n, pg_roles r"
        " where r.rolname in ('anon', 'authenticated', 'service_role', 'authenticator')"
        r" and n.nspname !~ '^pg_(toast_)?temp_'"
        " and has_schema_privilege(r.oid, n.oid, 'create')",
        "revoke create: search paths lead there",
        {
            "grant create on schema public to public": "public: anon",
            "grant create on schema extensions to authenticated": "extensions: authenticated",
            ELSEWHERE + " grant create on schema platform to service_role": (
                "platform: service_role"
            ),
        },
        ELSEWHERE + " grant usage on schema platform to anon; create temporary table planted ()",
    ),
    Law(
        "nothing in schema mivaa is born open",
        "select d.defaclobjtype::text || ' of ' || d.defaclrole::regrole::text"
        " from pg_default_acl d where d.defaclnamespace = 'mivaa'::regnamespace",
        "alter default privileges ... in schema mivaa revoke: grants stand in sql/grants.sql",
        {
            "alter default privileges for role postgres in schema mivaa"
            " grant select on tables to authenticated": "r of postgres",
        },
        "alter default privileges for role postgres in schema public"
        " grant select on tables to authenticated",
    ),
    Law(
        "schema auth holds what the platform put there, and aliases that the ledger records",
        "select p.oid::regprocedure::text from pg_proc p"
        " where p.pronamespace = 'auth'::regnamespace"
        " and p.proname not in ('uid', 'jwt', 'role') and not exists ("
        "  select from mivaa.ledger l where l.kind = 'function' and l.object_name ="
        "  'auth.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')')"
        " union all select c.oid::regclass::text from pg_class c"
        " where c.relnamespace = 'auth'::regnamespace and c.relkind in ('r', 'v', 'm', 'S')"
        " and c.relname <> 'users'"
        " union all select l.object_name from mivaa.ledger l where l.object_name like 'auth.%'"
        " and to_regprocedure(regexp_replace(l.object_name, '\\w+ (\\w+)', '\\1', 'g')) is null"
        " union all select p.polname || ' on auth.users' from pg_policy p"
        " where p.polrelid = 'auth.users'::regclass"
        " union all select t.tgname || ' on auth.users' from pg_trigger t"
        " where t.tgrelid = 'auth.users'::regclass and not t.tgisinternal",
        "create nothing in auth, which is the platform's; put it in schema mivaa",
        {
            "create function auth.get_user_role() returns text language sql"
            " as 'select null::text'": "auth.get_user_role()",
            "create table auth.planted (id uuid)": "auth.planted",
            "create policy planted on auth.users using (true)": "planted on auth.users",
            "create trigger watching before update on auth.users for each row"
            " execute function suppress_redundant_updates_trigger()": "watching on auth.users",
            "insert into mivaa.ledger (kind, object_name) values ('function', 'auth.gone()')": (
                "auth.gone()"
            ),
        },
        "create function auth.get_user_role() returns text language sql as 'select null::text';"
        " insert into mivaa.ledger (kind, object_name) values ('function', 'auth.get_user_role()')",
    ),
)

(
    test_the_law_holds,
    test_the_law_finds_a_fault,
    test_the_law_leaves_a_look_alike_alone,
) = checks_of(LAWS)
