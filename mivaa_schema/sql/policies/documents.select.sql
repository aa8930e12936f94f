create policy documents_select on public.documents as restrictive for select to authenticated
-- The comparison with 1 becomes a One-Time Filter, which is tested before the first row and not for
-- each row: tests/sql/policies/test_plans.py.
using ((select mivaa.has_permission('read'))::integer = 1);
