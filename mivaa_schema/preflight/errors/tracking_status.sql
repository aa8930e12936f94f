-- A check constraint of the platform's would refuse the upgrade's records.
select format('constraint %I of %s', c.conname, e.relation), pg_get_constraintdef(c.oid),
  'a check that admits ' || array_to_string(e.allowed, ', '),
  format('alter table %s drop constraint %I;', e.relation, c.conname)
from pending_checks as e
join pg_catalog.pg_constraint c on c.conrelid = to_regclass(e.relation) and c.contype = 'c'
join pg_catalog.pg_attribute a
  on a.attrelid = c.conrelid and a.attname = e.column_name and c.conkey = array[a.attnum]
where e.relation = 'public.migration_tracking'
  and pg_get_constraintdef(c.oid) ~ ' = '
  and exists (
    select from unnest(e.allowed) v
    where position(quote_literal(v) in pg_get_constraintdef(c.oid)) = 0
  )
