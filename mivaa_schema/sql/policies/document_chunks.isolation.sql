create policy document_chunks_isolation on public.document_chunks as restrictive for all to authenticated
using (workspace_id = (select mivaa.get_workspace_id()))
with check (workspace_id = (select mivaa.get_workspace_id()));
