-- Something else has the name of a unique or an exclusion constraint that is to be added.
select format('constraint %I of %s', e.name, e.relation),
  coalesce(pg_get_constraintdef(k.oid), 'the name of ' || case
    when i.indexrelid is null then 'another relation' else 'an index of ' || i.indrelid::regclass
  end),
  case e.kind when 'unique' then format('a unique constraint on (%s)', array_to_string(e.columns, ', '))
    else 'an exclusion constraint' end || ', or none',
  case
    when k.oid is not null
      then format('alter table %s rename constraint %I to %I;', e.relation, e.name, e.name || '_old')
    when i.indexrelid is null then 'Rename it.'
    else format('alter index %I.%I rename to %I;', e.schema_name, e.name, e.name || '_old')
  end
from (select * from pending_uniques union all select * from pending_exclusions) as e
left join pg_catalog.pg_constraint k
  on k.conrelid = to_regclass(e.relation) and k.conname = e.name
left join pg_catalog.pg_class c on c.relname = e.name and c.relnamespace
  = (select n.oid from pg_catalog.pg_namespace n where n.nspname = e.schema_name)
left join pg_catalog.pg_index i on i.indexrelid = c.oid
where (k.oid is not null or c.oid is not null)
  -- The one that is there stays: unique over the same columns, or an exclusion.
  and not coalesce(k.contype = case e.kind when 'unique' then 'u' else 'x' end
    and (coalesce(cardinality(e.columns), 0) = 0 or e.columns = array(
      select a.attname::text from unnest(k.conkey) with ordinality u (attnum, place)
      join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum
      order by u.place)), false)
