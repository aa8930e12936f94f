create policy documents_select on public.documents as restrictive for select to public
using (workspace_id = (select mivaa.workspace_for('read')));
