-- A user cannot be deleted while a column that references it is NOT NULL.
select format('%s.%I', e.relation, e.column_name), 'NOT NULL',
  format('nullable: the key to %s sets null when the user is deleted', e.target),
  format('alter table %s alter column %I drop not null;', e.relation, e.column_name)
from pending_foreign_keys as e
join pg_catalog.pg_attribute a
  on a.attrelid = to_regclass(e.relation) and a.attname = e.column_name and not a.attisdropped
where e.action = 'set null' and a.attnotnull
