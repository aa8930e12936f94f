-- Row-level security binds the owner too: then no helper of ours sees a membership.
select e.relation, 'under FORCE ROW LEVEL SECURITY', 'row-level security that spares the owner',
  format('alter table %s no force row level security;', e.relation)
from {tables} as e
join pg_catalog.pg_class c on c.oid = to_regclass(e.relation) and c.relkind in ('r', 'p')
where c.relforcerowsecurity
