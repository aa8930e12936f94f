create policy document_chunks_update on public.document_chunks as restrictive for update to authenticated
using ((select mivaa.has_permission('manage_documents')))
with check ((select mivaa.has_permission('manage_documents')));
