create policy document_chunks_delete on public.document_chunks as restrictive for delete to authenticated
using ((select mivaa.has_permission('manage_documents')));
