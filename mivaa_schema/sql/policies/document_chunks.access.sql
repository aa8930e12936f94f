create policy document_chunks_access on public.document_chunks as permissive for all to authenticated
using (workspace_id is not null)
with check (workspace_id is not null);
