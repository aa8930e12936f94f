-- A foreign key references another table: then its rows are other things than ours.
select format('%s.%I', e.relation, e.column_name),
  format('a key to %s (constraint %I)', c.confrelid::regclass, c.conname),
  'a key to ' || e.target,
  format('This is another schema: rename %s, or let the key reference %s.', e.relation, e.target)
from pending_foreign_keys as e
join pg_catalog.pg_constraint c on c.conrelid = to_regclass(e.relation) and c.contype = 'f'
join pg_catalog.pg_attribute a
  on a.attrelid = c.conrelid and a.attname = e.column_name and a.attnum = any (c.conkey)
where case when e.target_name = 'auth.users' then false
    else c.confrelid <> to_regclass(e.target) end
  and (cardinality(c.conkey) = 1 or e.column_name <> 'workspace_id')
