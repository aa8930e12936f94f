-- A check constraint of the platform's does not admit every value that ours does.
select format('constraint %I of %s', c.conname, e.relation), pg_get_constraintdef(c.oid),
  'a check that admits ' || missing.list || ' too',
  'It stays as it is. To have ours instead, drop it before the upgrade.'
from pending_checks as e
join pg_catalog.pg_constraint c on c.conrelid = to_regclass(e.relation) and c.contype = 'c'
join pg_catalog.pg_attribute a
  on a.attrelid = c.conrelid and a.attname = e.column_name and c.conkey = array[a.attnum]
cross join lateral (
  select string_agg(v, ', ') as list from unnest(e.allowed) v
  where position(quote_literal(v) in pg_get_constraintdef(c.oid)) = 0
) missing
where e.relation <> 'public.migration_tracking' and missing.list is not null
  and pg_get_constraintdef(c.oid) ~ ' = '
