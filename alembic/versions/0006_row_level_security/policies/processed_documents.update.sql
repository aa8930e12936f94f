create policy processed_documents_update on public.processed_documents as restrictive for update to authenticated
using (
  (select mivaa.has_permission('manage_documents'))
  or ((select mivaa.has_permission('write')) and user_id = (select mivaa.user_id()))
)
with check (
  (select mivaa.has_permission('manage_documents'))
  or ((select mivaa.has_permission('write')) and user_id = (select mivaa.user_id()))
);
