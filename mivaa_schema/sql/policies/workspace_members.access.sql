create policy workspace_members_access on public.workspace_members
as permissive for select to authenticated
using ((select mivaa.user_id()) is not null);
