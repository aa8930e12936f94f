-- level: warning
-- remedy: alter extension ... update
select e.extname as object, 'is ' || e.extversion || ', available is ' || a.default_version as detail
from pg_extension e join pg_available_extensions a on a.name = e.extname
where e.extversion <> a.default_version
