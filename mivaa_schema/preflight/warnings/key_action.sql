-- A foreign key does something else than ours when the referenced row is deleted.
select format('constraint %I of %s', c.conname, e.relation), pg_get_constraintdef(c.oid),
  'on delete ' || e.action,
  'It stays as it is. To change it, drop it and add it again, NOT VALID, then validate it.'
from pending_foreign_keys as e
join pg_catalog.pg_constraint c
  on c.conrelid = to_regclass(e.relation) and c.contype = 'f'
join pg_catalog.pg_class t on t.oid = c.confrelid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
join pg_catalog.pg_attribute a
  on a.attrelid = c.conrelid and a.attname = e.column_name and a.attnum = any (c.conkey)
where n.nspname || '.' || t.relname = e.target_name and e.action <>
    case c.confdeltype when 'c' then 'cascade' when 'n' then 'set null' when 'd' then 'set default'
      when 'r' then 'restrict' else 'no action' end
  and (cardinality(c.conkey) = 1 or e.column_name <> 'workspace_id')
