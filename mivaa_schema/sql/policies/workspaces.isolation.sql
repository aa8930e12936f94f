create policy workspaces_isolation on public.workspaces as restrictive for all to public
using (id = any ((select mivaa.active_workspace_ids())::uuid[]))
with check (false);
