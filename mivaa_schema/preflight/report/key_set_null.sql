-- A user cannot be deleted while a row of theirs must have one.
select e.relation || '.' || e.column_name, 'NOT NULL',
  'nullable: the key to ' || e.target || ' sets null when the user is deleted',
  format('alter table %s alter column %I drop not null;', e.relation, e.column_name)
from {keys} as e
join pg_catalog.pg_attribute a
  on a.attrelid = to_regclass(e.relation) and a.attname = e.column_name and not a.attisdropped
where e.action = 'n' and a.attnotnull
