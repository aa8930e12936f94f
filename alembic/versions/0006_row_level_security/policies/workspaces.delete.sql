create policy workspaces_delete on public.workspaces as restrictive for delete to public
using (false);
