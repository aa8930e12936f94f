-- level: error
-- remedy: alter table ... enable row level security
select p.table_name as object, 'row-level security is disabled, so no policy counts' as detail
from policies p
where not p.relrowsecurity
group by p.table_name
