-- Another index, or another kind of object, has the name of an index that is to be built.
select e.qualified,
  case
    when i.indexrelid is null then 'no index'
    when i.indrelid is distinct from to_regclass(e.relation)
      then 'an index of ' || i.indrelid::regclass
    when not i.indimmediate then 'the index of a deferrable constraint'
    when i.indisunique <> e.is_unique
      then case when i.indisunique then 'unique' else 'not unique' end
    else substring(pg_get_indexdef(i.indexrelid) from ' USING (.*)')
  end,
  format('an index of %s%s', e.relation, case
    when i.indrelid is distinct from to_regclass(e.relation) or not i.indimmediate then ''
    when i.indisunique <> e.is_unique
      then case when e.is_unique then ', unique' else ', not unique' end
    else ', ' || ltrim(:definitions ->> e.object_name) end),
  case when i.indexrelid is null then 'Rename it.'
    else format('alter index %s rename to %I; or drop it.', e.qualified, c.relname || '_old') end
from pending_indexes as e
join pg_catalog.pg_namespace n on n.nspname = e.schema_name
join pg_catalog.pg_class c on c.relname = e.name and c.relnamespace = n.oid
left join pg_catalog.pg_index i on i.indexrelid = c.oid
where i.indexrelid is null
  or i.indrelid is distinct from to_regclass(e.relation)
  or not i.indimmediate
  or i.indisunique <> e.is_unique
  or substring(pg_get_indexdef(i.indexrelid) from ' USING .*') <> :definitions ->> e.object_name
