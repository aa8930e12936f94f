-- level: warning
-- remedy: revoke select on it, or move it out of the schemas of the API
select r.name as object, 'has no row-level security; readable by ' || r.readers as detail
from relations r
where r.relkind = 'm' and r.in_api and r.readers is not null
