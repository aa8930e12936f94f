-- A column of the tracking table must have a value, and the upgrade's records have none for it.
select format('public.migration_tracking.%I', a.attname), 'NOT NULL without a default',
  'a default, or nullable',
  format('alter table public.migration_tracking alter column %I %s;', a.attname,
    case a.attname when 'id' then 'set default gen_random_uuid()' else 'drop not null' end)
from pending_tables as e
join pg_catalog.pg_attribute a
  on a.attrelid = to_regclass(e.relation) and a.attnum > 0 and not a.attisdropped
where e.table_name = 'migration_tracking'
  and a.attnotnull and not a.atthasdef and a.attidentity = ''
  and a.attname not in ('migration_name', 'phase', 'status', 'started_at')
