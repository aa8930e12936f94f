-- level: error
-- remedy: alter table ... enable row level security
select r.name as object, 'row-level security is disabled; readable by ' || r.readers as detail
from relations r
where r.relkind in ('r', 'p') and r.in_api and not r.relrowsecurity and r.readers is not null
