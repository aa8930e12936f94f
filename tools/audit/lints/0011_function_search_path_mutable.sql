-- level: warning
-- remedy: alter function ... set search_path = pg_catalog, pg_temp
select f.name as object, 'its search path is that of the caller' as detail
from functions f
where not exists (select from unnest(f.proconfig) s where starts_with(s, 'search_path='))
