create policy document_chunks_select on public.document_chunks as restrictive for select to authenticated
-- An equality of values is tested once a statement, a bare condition once a row.
using ((select mivaa.has_permission('read'))::integer = 1);
