-- The private schema belongs to another role, or holds objects of another origin.
select 'schema mivaa', 'a schema of role ' || quote_ident(pg_get_userbyid(n.nspowner)),
  'no schema of that name', 'alter schema mivaa rename to mivaa_old;'
from pg_catalog.pg_namespace n
where n.nspname = 'mivaa' and not pg_has_role(n.nspowner, 'usage')
union all
select 'mivaa.' || quote_ident(o.name), 'there before the first upgrade', 'an empty schema mivaa',
  'alter schema mivaa rename to mivaa_old;'
from (
  select c.relname::text as name, c.relnamespace as namespace from pg_catalog.pg_class c
  where c.relname not in ('alembic_version', 'alembic_version_pkc') and c.relkind <> 'c'
  union all
  select p.proname || '()', p.pronamespace from pg_catalog.pg_proc p
  union all
  select t.typname, t.typnamespace from pg_catalog.pg_type t
  where t.typrelid = 0 and t.typelem = 0
) o
join pg_catalog.pg_namespace n on n.oid = o.namespace and n.nspname = 'mivaa'
where :revision = ''
