-- A column that the upgrade adds to a table of the platform.
select e.relation || '.' || e.column_name, 'missing', e.type,
  'Nothing to do: the upgrade adds it, with ' || coalesce(e.value, 'null') || ' in every row.'
from {columns} as e
where to_regclass(e.relation) is not null and not exists (
  select from pg_catalog.pg_attribute a
  where a.attrelid = to_regclass(e.relation) and a.attname = e.column_name and not a.attisdropped
)
