create policy processed_documents_access on public.processed_documents as permissive for all to authenticated
using (workspace_id is not null)
with check (workspace_id is not null);
