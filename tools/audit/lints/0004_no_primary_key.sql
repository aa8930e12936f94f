-- level: info
-- remedy: add a primary key
select r.name as object, 'has no primary key' as detail
from relations r
where r.relkind in ('r', 'p') and not exists (
  select from pg_constraint c where c.conrelid = r.oid and c.contype = 'p'
)
