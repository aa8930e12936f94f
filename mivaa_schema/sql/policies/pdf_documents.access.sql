create policy pdf_documents_access on public.pdf_documents as permissive for all to authenticated
-- The comparison with 1 becomes a One-Time Filter, which is tested before the first row and not for
-- each row: tests/sql/policies/test_plans.py.
using (((select mivaa.get_workspace_id()) is not null)::integer = 1)
with check ((select mivaa.get_workspace_id()) is not null);
