-- A column of users references a table of the platform's, or the name of our key is taken.
select format('constraint %I of %s', c.conname, e.relation), pg_get_constraintdef(c.oid),
  'a key to ' || e.target,
  case when c.conname = e.name then 'It stays, and ours is not added.'
    else 'It stays, and ours is added to it.' end
from pending_foreign_keys as e
join pg_catalog.pg_constraint c
  on c.conrelid = to_regclass(e.relation)
left join pg_catalog.pg_class t on t.oid = c.confrelid
left join pg_catalog.pg_namespace n on n.oid = t.relnamespace
left join pg_catalog.pg_attribute a
  on a.attrelid = c.conrelid and a.attname = e.column_name and c.conkey = array[a.attnum]
where (c.conname = e.name
    or (c.contype = 'f' and a.attnum is not null and e.target_name = 'auth.users'))
  and (c.contype <> 'f' or n.nspname || '.' || t.relname <> e.target_name)
