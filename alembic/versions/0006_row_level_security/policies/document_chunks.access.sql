create policy document_chunks_access on public.document_chunks as permissive for all to authenticated
using ((select mivaa.get_workspace_id()) is not null)
with check ((select mivaa.get_workspace_id()) is not null);
