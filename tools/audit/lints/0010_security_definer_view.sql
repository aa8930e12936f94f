-- level: error
-- remedy: alter view ... set (security_invoker = true)
select r.name as object, 'reads with the rights of its owner; readable by ' || r.readers as detail
from relations r
where r.relkind = 'v' and r.in_api and r.readers is not null and not r.is_invoker
