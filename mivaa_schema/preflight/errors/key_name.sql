-- The name of the primary key of a table that is to be created is taken: by a renamed table, say.
select format('%I.%I', e.schema_name, c.relname),
  coalesce('an index of ' || i.indrelid::regclass, 'a relation'), 'no relation of that name',
  format('alter %s %I.%I rename to %I;', case when i.indrelid is null then 'table' else 'index' end,
    e.schema_name, c.relname, c.relname || '_old')
from pending_tables as e
join pg_catalog.pg_namespace n on n.nspname = e.schema_name
join pg_catalog.pg_class c on c.relname = e.table_name || '_pkey' and c.relnamespace = n.oid
left join pg_catalog.pg_index i on i.indexrelid = c.oid
where to_regclass(e.relation) is null
