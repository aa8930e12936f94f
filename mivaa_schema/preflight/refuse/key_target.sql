-- A foreign key leads to another table: then its rows are other things than ours.
select e.relation || '.' || e.column_name,
  format('a key to %s (constraint %I)', c.confrelid::regclass, c.conname),
  'a key to ' || e.target,
  'Another schema is at work here: rename ' || e.relation || ', or lead the key to '
    || e.target || '.'
from {keys} as e
join pg_catalog.pg_constraint c on c.conrelid = to_regclass(e.relation) and c.contype = 'f'
join pg_catalog.pg_attribute a
  on a.attrelid = c.conrelid and a.attname = e.column_name and a.attnum = any (c.conkey)
where case when e.target = 'auth.users' then false else c.confrelid <> to_regclass(e.target) end
  and (cardinality(c.conkey) = 1 or e.column_name <> 'workspace_id')
