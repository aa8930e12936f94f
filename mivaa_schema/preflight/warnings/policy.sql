-- A policy of the platform's on a table that gets policies from the upgrade.
select format('policy %I on %s', p.polname, e.relation),
  format('%s, for %s to %s%s%s',
    case when p.polpermissive then 'permissive' else 'restrictive' end,
    case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
      when 'd' then 'delete' else 'all' end,
    (select string_agg(case r when 0 then 'public' else quote_ident(pg_get_userbyid(r)) end, ', ')
     from unnest(p.polroles) r),
    ' using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
    ' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'),
  'policies of the upgrade',
  case when p.polpermissive then 'It stays, and can grant nothing more: ours are restrictive, for every role.'
    else 'It stays, and restricts what ours admit.' end
from all_tables as e
join pg_catalog.pg_policy p on p.polrelid = to_regclass(e.relation)
where e.relation not in ('public.workspaces', 'public.workspace_members')
  and not exists (
    select from all_policies as o where o.relation = e.relation and o.name = p.polname)
