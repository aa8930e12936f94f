-- Row-level security applies to the owner too: then no function of the schema sees a membership.
select e.relation, 'under FORCE ROW LEVEL SECURITY',
  'row-level security that does not apply to the owner',
  format('alter table %s no force row level security;', e.relation)
from all_tables as e
join pg_catalog.pg_class c on c.oid = to_regclass(e.relation) and c.relkind in ('r', 'p')
where c.relforcerowsecurity
