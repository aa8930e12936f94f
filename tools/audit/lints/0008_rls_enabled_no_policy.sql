-- level: info
-- remedy: create a policy, or revoke every privilege from the roles of the API
select r.name as object, 'row-level security is enabled, and no policy exists' as detail
from relations r
where r.relkind in ('r', 'p') and r.relrowsecurity
  and not exists (select from pg_policy p where p.polrelid = r.oid)
