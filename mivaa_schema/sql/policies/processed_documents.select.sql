create policy processed_documents_select on public.processed_documents as restrictive for select to public
using (workspace_id = (select mivaa.workspace_for('read')));
