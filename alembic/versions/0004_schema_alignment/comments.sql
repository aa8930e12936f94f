comment on function mivaa.touch_updated_at() is 'Trigger: keeps updated_at.';
comment on function mivaa.require_workspace() is 'Trigger: refuses a row without a workspace.';
comment on function mivaa.fill_chunk_workspace() is
  'Trigger: gives a chunk the workspace of its document.';
comment on function mivaa.check_row_owner() is
  'Trigger: a user gives rows to members of the workspace only.';
comment on trigger zz_mivaa_updated_at on public.document_chunks is 'Keeps updated_at.';
comment on trigger zz_mivaa_workspace on public.document_chunks is
  'A chunk has the workspace of its document.';
comment on trigger zz_mivaa_row_owner on public.documents is
  'Rows are given to members of the workspace only.';
comment on trigger zz_mivaa_updated_at on public.documents is 'Keeps updated_at.';
comment on trigger zz_mivaa_workspace_required on public.documents is 'New rows need a workspace.';
comment on trigger zz_mivaa_row_owner on public.pdf_documents is
  'Rows are given to members of the workspace only.';
comment on trigger zz_mivaa_updated_at on public.pdf_documents is 'Keeps updated_at.';
comment on trigger zz_mivaa_workspace_required on public.pdf_documents is
  'New rows need a workspace.';
comment on trigger zz_mivaa_row_owner on public.processed_documents is
  'Rows are given to members of the workspace only.';
comment on trigger zz_mivaa_updated_at on public.processed_documents is 'Keeps updated_at.';
comment on trigger zz_mivaa_workspace_required on public.processed_documents is
  'New rows need a workspace.';
comment on trigger zz_mivaa_updated_at on public.workspace_members is 'Keeps updated_at.';
comment on trigger zz_mivaa_updated_at on public.workspaces is 'Keeps updated_at.';
