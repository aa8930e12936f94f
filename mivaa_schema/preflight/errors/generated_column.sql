-- A column that the database computes cannot be written.
select format('%s.%I', e.relation, e.column_name), 'a generated column',
  'a column that can be written',
  case when a.attgenerated = 's'
    then format('alter table %s alter column %I drop expression;', e.relation, a.attname)
    else 'Rename it; the upgrade then adds a column of its own.' end
from pending_columns as e
join pg_catalog.pg_class c on c.oid = to_regclass(e.relation) and c.relkind in ('r', 'p')
join pg_catalog.pg_attribute a
  on a.attrelid = c.oid and a.attname = e.column_name and not a.attisdropped
where a.attgenerated <> ''
