create policy document_chunks_delete on public.document_chunks as restrictive for delete to public
using (workspace_id = (select mivaa.workspace_for('manage_documents')));
