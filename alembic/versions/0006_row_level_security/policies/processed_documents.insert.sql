create policy processed_documents_insert on public.processed_documents as restrictive for insert to public
with check (workspace_id = (select mivaa.workspace_for('write')) and user_id = (select mivaa.user_id()));
