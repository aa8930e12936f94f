create policy pdf_documents_access on public.pdf_documents as permissive for all to authenticated
using ((select mivaa.get_workspace_id()) is not null)
with check ((select mivaa.get_workspace_id()) is not null);
