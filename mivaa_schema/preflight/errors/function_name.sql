-- A function has the name of one that is to be created.
select p.oid::regprocedure::text, 'a function of role ' || quote_ident(pg_get_userbyid(p.proowner)),
  'no function of that name',
  format('drop function %s; or rename it.', p.oid::regprocedure)
from pending_functions as e
join pg_catalog.pg_namespace n on n.nspname = e.schema_name
join pg_catalog.pg_proc p on p.pronamespace = n.oid and p.proname = e.name
