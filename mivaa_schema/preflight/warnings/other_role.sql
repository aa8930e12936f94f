-- Privileges of roles of the platform's own, on tables that are there and on those to come.
select g.object, format('%s role %I: %s', g.words, r.rolname,
    string_agg(distinct g.privilege, ', ' order by g.privilege)),
  'API roles and the owner alone',
  case when r.rolbypassrls then 'It has BYPASSRLS and sees all workspaces, whatever the policies'
    || format(' are. Unless it is to: alter role %I nobypassrls;', r.rolname)
  else 'The restrictive policies of the upgrade bind everybody, so the role is refused there. '
    || 'Let it become authenticated or service_role, or grant it BYPASSRLS if it may see all '
    || 'workspaces. It loses TRUNCATE, TRIGGER and REFERENCES, which no policy binds.' end
from (
  select e.relation, 'open to', a.grantee, a.privilege_type
  from all_tables as e
  join pg_catalog.pg_class c on c.oid = to_regclass(e.relation)
  cross join lateral aclexplode(c.relacl) a
  where a.grantee <> c.relowner
    and e.relation not in ('public.workspaces', 'public.workspace_members')
  union all
  select 'every new table', 'going to be open to', a.grantee, a.privilege_type
  from pg_catalog.pg_default_acl d cross join lateral aclexplode(d.defaclacl) a
  where d.defaclobjtype = 'r'
    and pg_get_userbyid(d.defaclrole) = current_user
    and d.defaclnamespace in (0, to_regnamespace('public'))
) g (object, words, grantee, privilege)
join pg_catalog.pg_roles r on r.oid = g.grantee
where not r.rolsuper
  and r.rolname not in ('anon', 'authenticated', 'service_role')
  and not pg_has_role(r.oid, current_user, 'usage')
group by g.object, g.words, r.rolname, r.rolbypassrls
