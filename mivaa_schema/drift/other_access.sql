with ours as (
  -- What lets a role past the policies, beside the grants on what the revisions created.
  select c.oid, c.relowner as owner, format('%I.%I', n.nspname, c.relname) as name
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where format('%s.%s', n.nspname, c.relname) = any (cast(:tables as text[]))
), owner as (
  -- One table may have got another owner; the others say whose they all are.
  select mode() within group (order by owner) as oid from ours
), versions as (
  select c.oid, c.relowner, a.grantee, a.privilege_type
  from ours o join pg_catalog.pg_class c on c.oid = o.oid and o.name = 'mivaa.alembic_version'
  cross join lateral (
    select x.grantee, x.privilege_type from aclexplode(c.relacl) x
    union all
    select x.grantee, x.privilege_type
    from pg_catalog.pg_attribute t cross join lateral aclexplode(t.attacl) x
    where t.attrelid = c.oid
  ) a
), granted (kind, name, on_table, property, grantee) as (
  -- Upgrades search these schemas: what is planted there can run as the owner.
  select 'schema', quote_ident(n.nspname), '', 'create', a.grantee
  from pg_catalog.pg_namespace n cross join lateral aclexplode(n.nspacl) a
  where n.nspname in ('public', 'extensions')
    and a.privilege_type = 'CREATE' and a.grantee <> n.nspowner
  union
  -- Whoever looks for drift reads it.
  select 'table', 'mivaa.alembic_version', '', 'acl', v.grantee
  from versions v
  where v.grantee <> v.relowner and (v.privilege_type <> 'SELECT' or v.grantee = 0
    or pg_get_userbyid(v.grantee) in ('anon', 'authenticated', 'service_role'))
  union
  select 'role', quote_ident(pg_get_userbyid(m.roleid)), '', 'membership', m.member
  from pg_catalog.pg_auth_members m cross join owner o
  where exists (
    select from pg_catalog.pg_roles r
    where pg_has_role(m.roleid, r.oid, 'member') and case pg_get_userbyid(m.member)
      when 'authenticator' then r.rolsuper or r.oid = o.oid
      when 'anon' then true
      when 'authenticated' then true end
      and (r.rolsuper or r.rolbypassrls or r.oid = o.oid or r.rolname in (
        'pg_read_all_data', 'pg_write_all_data', 'pg_execute_server_program',
        'pg_read_server_files', 'pg_write_server_files')))
  union
  -- A trigger runs as whoever writes, the owner and service_role among them.
  select 'trigger', quote_ident(g.tgname), o.name, 'runs', f.proowner
  from ours o
  join pg_catalog.pg_trigger g on g.tgrelid = o.oid and not g.tgisinternal
    and g.tgenabled <> 'D'
  join pg_catalog.pg_proc f on f.oid = g.tgfoid
  union
  select 'table', o.name, '', 'owner', o.owner from ours o
  union
  select 'function', f.oid::regprocedure::text, '', 'owner', f.proowner
  from pg_catalog.pg_proc f join pg_catalog.pg_namespace n on n.oid = f.pronamespace
  where n.nspname = 'mivaa'
  union
  select 'schema', 'mivaa', '', 'owner', nspowner
  from pg_catalog.pg_namespace where nspname = 'mivaa'
)
select g.kind, g.name, g.on_table, g.property,
  case g.property when 'runs' then 'a function of ' when 'owner' then '' else 'granted to ' end
    || string_agg(case g.grantee when 0 then 'public'
      else quote_ident(pg_get_userbyid(g.grantee)) end, ', ' order by pg_get_userbyid(g.grantee)),
  case g.property when 'membership' then 'granted to no role of users'
    when 'runs' then 'a function of the owner of the tables'
    when 'owner' then quote_ident(pg_get_userbyid(min(o.oid)))
    else 'granted to owners alone' end
from granted g cross join owner o left join pg_catalog.pg_roles r on r.oid = g.grantee
where g.grantee = 0 or g.property = 'membership' or not (r.rolsuper
  or r.rolname = 'pg_database_owner' or pg_has_role(r.oid, o.oid, 'member'))
group by g.kind, g.name, g.on_table, g.property
union all
select 'role', quote_ident(r.rolname), '', a.name, 'on', 'off'
from pg_catalog.pg_roles r
cross join lateral (values ('bypassrls', r.rolbypassrls), ('superuser', r.rolsuper),
  ('createrole', r.rolcreaterole), ('replication', r.rolreplication)) a (name, is_on)
where r.rolname in ('anon', 'authenticated', 'authenticator') and a.is_on
order by 1, 2, 3, 4
