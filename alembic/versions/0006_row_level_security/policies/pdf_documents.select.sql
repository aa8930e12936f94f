create policy pdf_documents_select on public.pdf_documents as restrictive for select to authenticated
using ((select mivaa.has_permission('read')));
