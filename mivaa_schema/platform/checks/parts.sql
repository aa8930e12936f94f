select 'role ' || rolname from pg_catalog.pg_roles
union all
select 'schema ' || nspname from pg_catalog.pg_namespace
union all
select 'auth.' || c.relname from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'auth' and c.relkind in ('r', 'p')
union all
select 'auth.' || p.proname || '()' from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname = 'auth' and p.pronargs = 0
