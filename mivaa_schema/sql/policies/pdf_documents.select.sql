create policy pdf_documents_select on public.pdf_documents as restrictive for select to public
using (workspace_id = (select mivaa.workspace_for('read')));
