create policy document_chunks_select on public.document_chunks as restrictive for select to public
using (workspace_id = (select mivaa.workspace_for('read')));
