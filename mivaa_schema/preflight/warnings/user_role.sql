-- Roles of users that no policy binds, or that can become such a role.
select 'role ' || quote_ident(r.rolname), 'with ' || upper(a.name), 'without it',
  format('It sees all workspaces, whatever the policies are: alter role %I no%s;', r.rolname,
    a.name)
from pg_catalog.pg_roles r
cross join lateral (values ('bypassrls', r.rolbypassrls), ('superuser', r.rolsuper)) a (name, is_on)
where r.rolname in ('anon', 'authenticated', 'authenticator') and a.is_on
union all
select 'role ' || quote_ident(pg_get_userbyid(m.member)),
  'a member of ' || quote_ident(pg_get_userbyid(m.roleid)), 'no member of it',
  format('It can become a role that sees all workspaces: revoke %I from %I;',
    pg_get_userbyid(m.roleid), pg_get_userbyid(m.member))
from pg_catalog.pg_auth_members m
where pg_get_userbyid(m.member) in ('anon', 'authenticated')
  and exists (
    select from pg_catalog.pg_roles r
    where pg_has_role(m.roleid, r.oid, 'member')
      and (r.rolsuper or r.rolbypassrls or r.rolname = current_user))
