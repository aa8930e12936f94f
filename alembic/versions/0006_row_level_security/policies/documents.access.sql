create policy documents_access on public.documents as permissive for all to authenticated
-- An equality of values is tested once a statement, a bare condition once a row.
using (((select mivaa.get_workspace_id()) is not null)::integer = 1)
with check ((select mivaa.get_workspace_id()) is not null);
