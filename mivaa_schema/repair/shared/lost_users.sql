-- If no user that is named exists, the rows of auth.users are lost, and the references are right.
with named (id) as not materialized (
  select user_id from public.documents
  union all select user_id from public.pdf_documents
  union all select user_id from public.processed_documents
  union all select created_by from public.workspaces
  union all select created_by from public.migration_tracking
  union all select user_id from public.workspace_members
)
select exists (select from named where id is not null)
  and not exists (select from named join auth.users u using (id)) as is_lost
