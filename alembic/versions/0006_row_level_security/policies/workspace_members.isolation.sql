create policy workspace_members_isolation on public.workspace_members
as restrictive for all to public
using (user_id = (select mivaa.user_id()))
with check (false);
