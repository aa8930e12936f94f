create policy workspaces_access on public.workspaces as permissive for select to authenticated
using ((select mivaa.user_id()) is not null);
