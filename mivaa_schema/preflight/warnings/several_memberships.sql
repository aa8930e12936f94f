-- Users with several memberships see no rows until a request names one of their workspaces.
-- needs: public.workspace_members.workspace_id, public.workspace_members.user_id
select 'public.workspace_members',
  format('holding several memberships for each of %s user(s)', count(*)),
  'one membership, or requests that name the workspace',
  'Let requests of these users carry the claim workspace_id or the header x-workspace-id: select'
    ' user_id from public.workspace_members group by user_id having count(*) > 1;'
from (
  select from public.workspace_members m where m.user_id is not null
  group by m.user_id having count(distinct m.workspace_id) > 1
) several
having count(*) > 0
