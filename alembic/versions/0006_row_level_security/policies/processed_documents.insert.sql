create policy processed_documents_insert on public.processed_documents as restrictive for insert to authenticated
with check ((select mivaa.has_permission('write')) and user_id = (select mivaa.user_id()));
