create policy document_chunks_insert on public.document_chunks as restrictive for insert to public
with check (workspace_id = (select mivaa.workspace_for('write')));
