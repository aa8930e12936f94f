create policy document_chunks_update on public.document_chunks as restrictive for update to public
using (workspace_id = (select mivaa.workspace_for('manage_documents')))
with check (workspace_id = (select mivaa.workspace_for('manage_documents')));
