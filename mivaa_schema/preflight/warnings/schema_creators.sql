-- Other roles that may create in a schema of our search paths, but for those who can become us.
select 'schema ' || quote_ident(n.nspname),
  format('open for role %I to create in', pg_get_userbyid(a.grantee)),
  'a schema in which only owners create',
  format('What this role plants there can run as the owner of the tables. Unless it is trusted:'
    ' revoke create on schema %I from %I;', n.nspname, pg_get_userbyid(a.grantee))
from pg_catalog.pg_namespace n
cross join lateral aclexplode(n.nspacl) a
join pg_catalog.pg_roles r on r.oid = a.grantee
where n.nspname in ('public', 'extensions', 'mivaa')
  and a.privilege_type = 'CREATE'
  and not r.rolsuper
  and a.grantee <> n.nspowner
  and not pg_has_role(a.grantee, current_user, 'usage')
  and r.rolname not in ('anon', 'authenticated', 'service_role', 'authenticator', current_user,
    'pg_database_owner')
