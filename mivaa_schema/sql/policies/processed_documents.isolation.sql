create policy processed_documents_isolation on public.processed_documents as restrictive for all to authenticated
using (workspace_id = (select mivaa.get_workspace_id()))
with check (workspace_id = (select mivaa.get_workspace_id()));
