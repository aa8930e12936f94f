create policy processed_documents_select on public.processed_documents as restrictive for select to authenticated
using ((select mivaa.has_permission('read')));
