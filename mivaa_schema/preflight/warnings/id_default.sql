-- The id has no default, so every insert must name one.
select e.relation || '.id', 'without a default', 'default gen_random_uuid()',
  format('alter table %s alter column id set default gen_random_uuid();', e.relation)
from pending_columns as e
join pg_catalog.pg_attribute a
  on a.attrelid = to_regclass(e.relation) and a.attname = 'id' and not a.attisdropped
where e.column_name = 'id' and e.relation <> 'public.migration_tracking' and not a.atthasdef
