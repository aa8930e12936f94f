-- Those of the constraints that the upgrade would add or validate on this database.
select o.item from jsonb_array_elements(cast(:objects as jsonb)) with ordinality o (item, place)
cross join lateral (select to_regclass(o.item ->> 'relation') as oid) t
where case
  -- A constraint of that name that the upgrade did not add belongs to the platform.
  when exists (
    select from pg_catalog.pg_constraint c
    where c.conrelid = t.oid and c.conname = o.item ->> 'name'
  )
  then exists (
    select from pg_catalog.pg_constraint c
    where c.conrelid = t.oid and c.conname = o.item ->> 'name' and not c.convalidated
  ) and exists (
    select from mivaa.ledger l where l.kind = 'constraint'
      and l.object_name = format('%s.%s', o.item ->> 'table', o.item ->> 'name')
  )
  -- A key over the same columns to the same table, or NOT NULL of the column, does the same.
  else not exists (
    select from pg_catalog.pg_constraint c
    where c.contype = 'f' and c.conrelid = t.oid and c.confrelid = to_regclass(o.item ->> 'target')
      and o.item -> 'columns' = (
        select jsonb_agg(a.attname order by k.position)
        from unnest(c.conkey) with ordinality k (attnum, position)
        join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum)
  ) and not exists (
    select from pg_catalog.pg_attribute a
    where a.attrelid = t.oid and a.attname = o.item ->> 'not_null' and a.attnotnull
  )
end
order by o.place
