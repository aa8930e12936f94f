create policy workspace_members_delete on public.workspace_members as restrictive for delete to public
using (false);
