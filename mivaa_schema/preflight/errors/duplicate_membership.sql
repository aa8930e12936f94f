-- A user has two memberships of a workspace, and so perhaps two roles.
-- needs: public.workspace_members.workspace_id, public.workspace_members.user_id
select 'public.workspace_members',
  format('holding %s memberships of user %s in workspace %s', count(*), m.user_id, m.workspace_id),
  'one membership of a user in a workspace',
  format('Delete all but one: select * from public.workspace_members where workspace_id = %L'
    ' and user_id = %L;', m.workspace_id, m.user_id)
from public.workspace_members m
where m.workspace_id is not null and m.user_id is not null
group by m.workspace_id, m.user_id having count(*) > 1
order by count(*) desc, m.workspace_id, m.user_id limit 20
