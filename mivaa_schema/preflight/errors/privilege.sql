-- A privilege that another role than the owner granted: only that role can revoke it.
select e.relation || coalesce('.' || p.column_name, ''),
  format('open to %s: %s granted by %I', p.grantee, p.privileges, p.grantor),
  format('privileges that its owner %I granted', p.owner),
  format('set role %I; revoke %s on %s from %s cascade; reset role;',
    p.grantor, p.privileges_of, e.relation, p.grantee)
from all_tables as e
cross join lateral (
  select s.column_name, pg_get_userbyid(a.grantor) as grantor, pg_get_userbyid(s.owner) as owner,
    case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as grantee,
    string_agg(a.privilege_type, ', ') as privileges,
    string_agg(a.privilege_type || coalesce(' (' || quote_ident(s.column_name) || ')', ''), ', ')
      as privileges_of
  from (
    select c.relowner as owner, null::name as column_name, c.relacl as acl
    from pg_catalog.pg_class c where c.oid = to_regclass(e.relation)
    union all
    select c.relowner, t.attname, t.attacl
    from pg_catalog.pg_class c join pg_catalog.pg_attribute t on t.attrelid = c.oid
    where c.oid = to_regclass(e.relation) and not t.attisdropped
  ) s
  cross join lateral aclexplode(s.acl) a
  where a.grantor <> s.owner
  group by s.column_name, s.owner, a.grantor, a.grantee
) p
where not 'acl ' || e.object_name = any (:recorded)
  and (:lock_members or e.relation not in ('public.workspaces', 'public.workspace_members'))
