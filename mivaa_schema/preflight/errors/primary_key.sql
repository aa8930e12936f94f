-- The primary key of a table is not its id.
select e.relation, coalesce('keyed by ' || pg_get_constraintdef(k.oid), 'without a primary key'),
  'PRIMARY KEY (id)',
  case when k.oid is null then format('alter table %s add primary key (id);', e.relation)
    else format('Make id the primary key of %s, not deferrable; the former key can stay as a'
      ' unique constraint.', e.relation) end
from pending_tables as e
join pg_catalog.pg_class c on c.oid = to_regclass(e.relation) and c.relkind = 'r'
left join pg_catalog.pg_constraint k on k.conrelid = c.oid and k.contype = 'p'
where pg_get_constraintdef(k.oid) is distinct from 'PRIMARY KEY (id)'
