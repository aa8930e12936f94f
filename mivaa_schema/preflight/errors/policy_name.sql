-- A policy has the name of one that is to be created.
select format('policy %I on %s', p.polname, e.relation), 'there already',
  'no policy of that name',
  format('alter policy %I on %s rename to %I;', p.polname, e.relation, p.polname || '_platform')
from pending_policies as e
join pg_catalog.pg_policy p on p.polrelid = to_regclass(e.relation) and p.polname = e.name
where :lock_members or e.relation not in ('public.workspaces', 'public.workspace_members')
