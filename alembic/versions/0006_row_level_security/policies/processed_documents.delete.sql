create policy processed_documents_delete on public.processed_documents as restrictive for delete to authenticated
using (
  (select mivaa.has_permission('manage_documents'))
  or ((select mivaa.has_permission('delete')) and user_id = (select mivaa.user_id()))
);
