create policy document_chunks_select on public.document_chunks as restrictive for select to authenticated
using ((select mivaa.has_permission('read')));
