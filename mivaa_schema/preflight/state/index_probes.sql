-- Statements that build an index whose name is taken on an empty temporary table.
select e.object_name, (
    -- With the columns of the table that is there, and ours where they are missing.
    select format('create temporary table mivaa_probe (%s)', string_agg(format('%I %s',
      k.column_name, coalesce(format_type(a.atttypid, a.atttypmod), k.type)), ', '))
    from all_columns as k
    left join pg_catalog.pg_attribute a
      on a.attrelid = to_regclass(k.relation) and a.attname = k.column_name
      and not a.attisdropped and k.object_name = any (:readable)
    where k.relation = e.relation and (a.attnum is not null or to_regtype(k.type) is not null)
  ) as create_table,
  case when e.is_unique then 'create unique index' else 'create index' end
    || ' mivaa_probe_index on pg_temp.mivaa_probe ' || e.definition as create_index,
  e.definition
from pending_indexes as e
join pg_catalog.pg_index i
  on i.indexrelid = to_regclass(e.qualified) and i.indrelid = to_regclass(e.relation)
where current_setting('transaction_read_only') = 'off'
order by e.object_name
