create policy processed_documents_delete on public.processed_documents as restrictive for delete to public
using (workspace_id = (select mivaa.workspace_for('manage_documents')));
