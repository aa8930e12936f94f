-- A user can write memberships, and so give itself any role.
select e.relation,
  format('open to %s by %s: %s', w.command, r.rolname,
    case when not c.relrowsecurity or w.command = 'truncate' then 'no policy prevents it'
      else 'policies ' || w.policies end),
  'written by service_role and the owner alone',
  case when :lock_members then 'Nothing to do: the upgrade closes it.'
    else format('revoke %s on %s from %I, public; or upgrade with -x lock_members=yes.',
      w.command, e.relation, r.rolname) end
from all_tables as e
join pg_catalog.pg_class c on c.oid = to_regclass(e.relation)
cross join pg_catalog.pg_roles r
cross join lateral (
  select cmd.command, (
    select string_agg(quote_ident(p.polname), ', ' order by p.polname)
    from pg_catalog.pg_policy p
    where p.polrelid = c.oid and p.polpermissive and p.polcmd in (cmd.letter, '*')
      and exists (
        select from unnest(p.polroles) role
        where role = 0 or pg_has_role(r.oid, role, 'usage'))
  ) as policies
  from (values ('insert', 'a'::"char"), ('update', 'w'), ('delete', 'd'), ('truncate', ' '))
    as cmd (command, letter)
  where has_table_privilege(r.oid, c.oid, cmd.command)
    or (cmd.command in ('insert', 'update')
      and has_any_column_privilege(r.oid, c.oid, cmd.command))
) w
where e.relation in ('public.workspaces', 'public.workspace_members') and r.rolname in ('anon', 'authenticated')
  and (not c.relrowsecurity or w.command = 'truncate' or w.policies is not null)
