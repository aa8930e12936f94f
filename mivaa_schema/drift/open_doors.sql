with owner as (
  -- What lets a role past the policies, beside the objects of the revisions.
  select nspowner as oid from pg_catalog.pg_namespace where nspname = 'mivaa'
), granted as (
  -- Upgrades search these schemas: what is planted there can run as the owner.
  select 'schema' as kind, quote_ident(n.nspname) as name, 'create' as property, a.grantee
  from pg_catalog.pg_namespace n cross join lateral aclexplode(n.nspacl) a
  where n.nspname in ('public', 'extensions')
    and a.privilege_type = 'CREATE' and a.grantee <> n.nspowner
  union
  -- Whoever looks for drift reads it.
  select 'table', 'mivaa.alembic_version', 'acl', a.grantee
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  cross join lateral aclexplode(c.relacl) a
  where n.nspname = 'mivaa' and c.relname = 'alembic_version' and a.grantee <> c.relowner
    and (a.privilege_type <> 'SELECT' or a.grantee = 0
      or pg_get_userbyid(a.grantee) in ('anon', 'authenticated', 'service_role'))
  union
  select 'role', quote_ident(pg_get_userbyid(m.roleid)), 'membership', m.member
  from pg_catalog.pg_auth_members m cross join owner o
  where pg_get_userbyid(m.member) in ('anon', 'authenticated')
    and exists (
      select from pg_catalog.pg_roles r
      where pg_has_role(m.roleid, r.oid, 'member')
        and (r.rolsuper or r.rolbypassrls or r.oid = o.oid))
)
select g.kind, g.name, g.property, 'granted to ' || string_agg(
    case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end, ', '
    order by pg_get_userbyid(g.grantee)),
  case g.property when 'membership' then 'granted to no role of users'
    else 'granted to owners alone' end
from granted g cross join owner o left join pg_catalog.pg_roles r on r.oid = g.grantee
where g.grantee = 0 or g.property = 'membership' or not (r.rolsuper
  or r.rolname = 'pg_database_owner' or pg_has_role(r.oid, o.oid, 'usage'))
group by g.kind, g.name, g.property
union all
select 'role', quote_ident(r.rolname), a.name, 'on', 'off'
from pg_catalog.pg_roles r
cross join lateral (values ('bypassrls', r.rolbypassrls), ('superuser', r.rolsuper)) a (name, is_on)
where r.rolname in ('anon', 'authenticated', 'authenticator') and a.is_on
order by 1, 2, 3
