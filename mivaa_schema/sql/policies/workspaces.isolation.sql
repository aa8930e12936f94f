create policy workspaces_isolation on public.workspaces as restrictive for all to authenticated
using (id = any ((select mivaa.active_workspace_ids())::uuid[]))
with check (false);
