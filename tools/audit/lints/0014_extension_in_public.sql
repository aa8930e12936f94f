-- level: warning
-- remedy: alter extension ... set schema extensions
select e.extname as object, 'is in schema public' as detail
from pg_extension e
where e.extnamespace = to_regnamespace('public') and e.extname <> 'plpgsql'
