create policy documents_insert on public.documents as restrictive for insert to authenticated
with check ((select mivaa.has_permission('write')) and user_id = (select mivaa.user_id()));
