-- What the lints look at; each lint is the rest of this statement. API roles are those that a
-- request runs as; schemas of the API are those in the setting pgrst.db_schemas, as PostgREST has it.
with api_roles as (
  select r.oid, r.rolname from pg_roles r where r.rolname in ('anon', 'authenticated')
), schemas as (
  select n.oid, n.nspname as name,
    n.nspname = any (
      select trim(s) from regexp_split_to_table(current_setting('pgrst.db_schemas', true), ',') s
    ) as in_api
  from pg_namespace n
  where n.nspname !~ '^pg_' and n.nspname not in (
    -- Those of the server and of the platform, where users create nothing.
    'information_schema', 'auth', 'cron', 'extensions', 'graphql', 'graphql_public', 'net', 'pgbouncer',
    'pgmq', 'pgsodium', 'pgsodium_masks', 'pgtle', 'plpgsql_check', 'realtime', 'repack', 'storage',
    'supabase_functions', 'supabase_migrations', 'tiger', 'topology', 'vault'
  )
), relations as (
  select c.oid, s.name || '.' || c.relname as name, s.in_api, c.relkind, c.relrowsecurity, c.relnamespace,
    exists (
      select from unnest(c.reloptions) o
      where lower(o) in ('security_invoker=true', 'security_invoker=on', 'security_invoker=yes',
        'security_invoker=1')
    ) as is_invoker,
    (
      select string_agg(r.rolname, ', ' order by r.rolname) from api_roles r
      where has_any_column_privilege(r.oid, c.oid, 'select')
    ) as readers
  from pg_class c join schemas s on s.oid = c.relnamespace
  where not exists (
    select from pg_depend d
    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
  )
), functions as (
  select p.oid, p.oid::regprocedure::text as name, s.in_api, p.prosecdef, p.proconfig,
    p.prokind,
    (
      select array_agg(r.rolname) from api_roles r where has_function_privilege(r.oid, p.oid, 'execute')
    ) as callers
  from pg_proc p join schemas s on s.oid = p.pronamespace
  where not exists (
    select from pg_depend d
    where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
  )
), policies as (
  select p.oid, p.polname || ' on ' || r.name as name, r.name as table_name, p.polrelid, p.polpermissive,
    p.polcmd, p.polroles, r.relrowsecurity,
    pg_get_expr(p.polqual, p.polrelid) as using_condition,
    pg_get_expr(p.polwithcheck, p.polrelid) as check_condition,
    concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) as conditions
  from pg_policy p join relations r on r.oid = p.polrelid
)
