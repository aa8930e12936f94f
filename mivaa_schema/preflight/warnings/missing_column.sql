-- A column that the upgrade adds to a table of the platform.
select format('%s.%I', e.relation, e.column_name), 'missing', e.type,
  format('Nothing to do: the upgrade adds it, with %s in every row.', coalesce(e.value, 'null'))
from pending_columns as e
where to_regclass(e.relation) is not null and not exists (
  select from pg_catalog.pg_attribute a
  where a.attrelid = to_regclass(e.relation) and a.attname = e.column_name and not a.attisdropped
)
