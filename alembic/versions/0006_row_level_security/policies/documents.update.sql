create policy documents_update on public.documents as restrictive for update to public
using (workspace_id = (select mivaa.workspace_for('manage_documents')))
with check (workspace_id = (select mivaa.workspace_for('manage_documents')));
