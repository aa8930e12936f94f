create policy documents_delete on public.documents as restrictive for delete to public
using (workspace_id = (select mivaa.workspace_for('manage_documents')));
