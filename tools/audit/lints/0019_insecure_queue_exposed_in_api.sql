-- level: error
-- remedy: alter table ... enable row level security
select c.oid::regclass::text as object, 'a queue without row-level security' as detail
from pg_class c
where c.relnamespace = to_regnamespace('pgmq') and c.relkind in ('r', 'p')
  and starts_with(c.relname, 'q_') and not c.relrowsecurity
  and exists (select from api_roles r where has_any_column_privilege(r.oid, c.oid, 'select'))
