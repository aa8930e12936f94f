create policy document_chunks_access on public.document_chunks as permissive for all to authenticated
-- An equality of values is tested once a statement, a bare condition once a row.
using (((select mivaa.get_workspace_id()) is not null)::integer = 1)
with check ((select mivaa.get_workspace_id()) is not null);
