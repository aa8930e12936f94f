-- A table that is to be created could not name its key: an old table, renamed, still has the name.
select format('public.%I', c.relname),
  coalesce('an index of ' || i.indrelid::regclass, 'a relation'), 'no relation of that name',
  format('alter %s public.%I rename to %I;',
    case when i.indrelid is null then 'table' else 'index' end, c.relname, c.relname || '_old')
from {tables} as e
join pg_catalog.pg_class c
  on c.relname = e.name || '_pkey' and c.relnamespace = 'public'::regnamespace
left join pg_catalog.pg_index i on i.indexrelid = c.oid
where e.pending and to_regclass(e.relation) is null
