-- level: warning
-- remedy: revoke execute from anon, or move it out of the schemas of the API
select f.name as object, 'has the rights of its owner, and anon may call it' as detail
from functions f
where f.prosecdef and f.in_api and 'anon' = any (f.callers)
