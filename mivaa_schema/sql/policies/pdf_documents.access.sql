create policy pdf_documents_access on public.pdf_documents as permissive for all to authenticated
using (workspace_id is not null)
with check (workspace_id is not null);
