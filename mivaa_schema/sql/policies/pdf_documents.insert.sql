create policy pdf_documents_insert on public.pdf_documents as restrictive for insert to authenticated
with check ((select mivaa.has_permission('write')) and user_id = (select mivaa.user_id()));
