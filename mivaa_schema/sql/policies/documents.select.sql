create policy documents_select on public.documents as restrictive for select to authenticated
using ((select mivaa.has_permission('read')));
