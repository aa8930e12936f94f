-- Privileges of roles of the platform's own, and roles of the API that no policy binds.
select e.relation, format('open to role %I: %s', pg_get_userbyid(a.grantee),
    string_agg(distinct a.privilege_type, ', ' order by a.privilege_type)),
  'API roles and the owner alone',
  'From this upgrade on the role is refused there: the restrictive policies bind everybody. Let it '
  || 'become authenticated or service_role, or grant it BYPASSRLS if it may see all workspaces.'
from all_tables as e
join pg_catalog.pg_class c on c.oid = to_regclass(e.relation)
cross join lateral aclexplode(c.relacl) a
join pg_catalog.pg_roles r on r.oid = a.grantee
where a.grantee <> c.relowner
  and not r.rolsuper
  and not r.rolbypassrls
  and not pg_has_role(a.grantee, c.relowner, 'usage')
  and r.rolname not in ('anon', 'authenticated', 'service_role')
  and e.relation not in ('public.workspaces', 'public.workspace_members')
group by e.relation, a.grantee
union all
select 'role ' || quote_ident(r.rolname), 'with BYPASSRLS', 'without it',
  format('It sees all workspaces, whatever the policies are: alter role %I nobypassrls;', r.rolname)
from pg_catalog.pg_roles r
where r.rolname in ('anon', 'authenticated', 'authenticator') and r.rolbypassrls
