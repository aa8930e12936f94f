create policy documents_select on public.documents as restrictive for select to authenticated
-- An equality of values is tested once a statement, a bare condition once a row.
using ((select mivaa.has_permission('read'))::integer = 1);
