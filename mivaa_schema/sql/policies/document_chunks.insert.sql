create policy document_chunks_insert on public.document_chunks as restrictive for insert to authenticated
with check ((select mivaa.has_permission('write')));
