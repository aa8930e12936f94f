-- level: warning
-- remedy: revoke select from anon where its names and columns shall not be known
select r.name as object, 'is in the GraphQL schema of anon' as detail
from relations r
where r.relkind in ('r', 'v', 'm', 'f') and 'anon' = any (string_to_array(r.readers, ', '))
  and exists (select from pg_extension e where e.extname = 'pg_graphql')
