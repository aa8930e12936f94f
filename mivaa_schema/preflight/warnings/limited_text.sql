-- A text column of the platform's has a limit that ours does not have: longer texts are refused.
select format('%s.%I', e.relation, e.column_name), format_type(a.atttypid, a.atttypmod), 'text',
  'Nothing to do: it stays as it is, and longer texts stay an error.'
from pending_columns as e
join pg_catalog.pg_class c on c.oid = to_regclass(e.relation) and c.relkind in ('r', 'p')
join pg_catalog.pg_attribute a
  on a.attrelid = c.oid and a.attname = e.column_name and not a.attisdropped
where e.type = 'text' and format_type(a.atttypid, a.atttypmod) ~ e.accepts
  and format_type(a.atttypid, -1) = 'character varying' and a.atttypmod > 0
  -- A closed set of words has a limit of its own.
  and not exists (
    select from pending_checks as k
    where k.relation = e.relation and k.column_name = e.column_name)
