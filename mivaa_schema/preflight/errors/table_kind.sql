-- Another kind of object has the name of a table.
select e.relation,
  case c.relkind
    when 'v' then 'a view' when 'm' then 'a materialized view' when 'f' then 'a foreign table'
    when 'p' then 'a partitioned table' when 'S' then 'a sequence' when 'i' then 'an index'
    when 'c' then 'a composite type'
    else case when c.relpersistence <> 'p' then 'an unlogged table' else 'part of an inheritance' end
  end,
  'an ordinary table',
  case
    when c.relkind = 'r' and c.relpersistence <> 'p'
      then format('alter table %s set logged;', e.relation)
    when c.relkind = 'r' then 'Remove it from the inheritance (alter table ... no inherit ...).'
    else 'Rename it or move it to another schema.'
  end
from pending_tables as e
join pg_catalog.pg_class c on c.oid = to_regclass(e.relation)
where c.relkind <> 'r' or c.relpersistence <> 'p'
  or exists (select from pg_catalog.pg_inherits h where c.oid in (h.inhrelid, h.inhparent))
union all
select e.relation, 'a type', 'an ordinary table', 'Rename it or move it to another schema.'
from pending_tables as e
join pg_catalog.pg_namespace n on n.nspname = e.schema_name
join pg_catalog.pg_type t on t.typname = e.table_name and t.typnamespace = n.oid
where to_regclass(e.relation) is null and t.typrelid = 0 and t.typelem = 0
