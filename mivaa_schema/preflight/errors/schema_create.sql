-- API roles that may create in a schema of our search paths: what they plant there can run as us.
select 'schema ' || quote_ident(n.nspname), format('open for %s to create in', c.grantee),
  'a schema in which API roles create nothing',
  format('revoke create on schema %I from %s;', n.nspname, c.grantee)
from pg_catalog.pg_namespace n
cross join lateral (
  select distinct
    case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as grantee
  from aclexplode(n.nspacl) a
  where a.privilege_type = 'CREATE'
    and (a.grantee = 0
      or pg_get_userbyid(a.grantee) in ('anon', 'authenticated', 'service_role', 'authenticator'))
) c
where n.nspname in ('public', 'extensions', 'mivaa')
