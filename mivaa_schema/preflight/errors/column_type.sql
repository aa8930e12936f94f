-- A column has a type that the upgrade cannot use.
select format('%s.%I', e.relation, e.column_name),
  format_type(a.atttypid, a.atttypmod),
  case when e.min_length > 0 then format('%s, or character varying(%s) and more', e.type, e.min_length)
    when e.type = 'text' then 'text or character varying' else e.type end,
  case
    when e.type = 'uuid' and a.attname = 'id'
      then 'Give the table a key of type uuid, and follow it in the tables that reference it.'
    when e.type ~ '^(\w+\.)?vector' then format('alter table %s rename column %I to %I; the upgrade'
      ' then adds a column of its own.', e.relation, a.attname, a.attname || '_old')
    else format('alter table %s alter column %I type %s using %I::%s;',
      e.relation, a.attname, e.type, a.attname, e.type)
  end
from pending_columns as e
join pg_catalog.pg_class c on c.oid = to_regclass(e.relation) and c.relkind in ('r', 'p')
join pg_catalog.pg_attribute a
  on a.attrelid = c.oid and a.attname = e.column_name and not a.attisdropped
where format_type(a.atttypid, a.atttypmod) !~ e.accepts
  -- The modifier of varchar(n) is n + 4, and -1 without a limit.
  or (format_type(a.atttypid, -1) = 'character varying'
    and a.atttypmod > 0 and a.atttypmod - 4 < coalesce(e.min_length, 0))
