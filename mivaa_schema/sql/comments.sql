-- What functions, triggers and policies are for. Comments of tables and columns stand in the models.
comment on function public.mark_migration_complete(text, text, text) is
  'Records that a phase of a migration is complete; for the owner of the tables.';
comment on function public.rollback_migration_phase(text, text) is
  'Takes a completed phase back as alembic downgrade would; for the owner of the tables.';
comment on function mivaa.json_setting(text) is
  'A setting of the request as JSON; null where absent or no JSON.';
comment on function mivaa.uuid_or_null(text) is 'The UUID that a text holds, or null.';
comment on function mivaa.user_id() is 'The user of this request, or null; never an error.';
comment on function mivaa.active_membership() is
  'Workspace and role under which this request acts, or nulls.';
comment on function mivaa.get_workspace_id() is
  'The workspace of this request, or null; never an error.';
comment on function mivaa.get_user_role() is
  'The user''s role in the workspace of this request, from the membership.';
comment on function mivaa.has_permission(text) is
  'Whether the role of this request has a permission: read, write, delete, manage_documents.';
comment on function mivaa.active_workspace_ids() is
  'All workspaces in which the user of this request is an active member.';
comment on function mivaa.resolve_workspace(uuid, text) is
  'The workspace that a function works on; an error where the caller may not.';
comment on function mivaa.is_colleague(uuid) is
  'Whether a user is an active member of the workspace of this request.';
comment on function mivaa.touch_updated_at() is 'Trigger: keeps updated_at.';
comment on function mivaa.touch_updated_at_of_text() is
  'Trigger: keeps updated_at; writing an embedding alone is no edit.';
comment on function mivaa.require_workspace() is 'Trigger: refuses a row without a workspace.';
comment on function mivaa.fill_chunk_workspace() is
  'Trigger: gives a chunk the workspace of its document.';
comment on function mivaa.check_row_owner() is
  'Trigger: a user gives rows to members of the workspace only.';
comment on function mivaa.reset_embedding_status() is
  'Trigger: a row whose content changed waits for a new embedding.';
comment on function mivaa.complete_embedding_status() is
  'Trigger: a row that is written with its embedding is completed.';
comment on trigger zz_mivaa_embedding_completed on public.document_chunks is
  'A row that is written with its embedding is completed.';
comment on trigger zz_mivaa_embedding_reset on public.document_chunks is
  'Changed content waits for a new embedding.';
comment on trigger zz_mivaa_updated_at on public.document_chunks is 'Keeps updated_at.';
comment on trigger zz_mivaa_workspace on public.document_chunks is
  'A chunk has the workspace of its document.';
comment on trigger zz_mivaa_embedding_completed on public.documents is
  'A row that is written with its embedding is completed.';
comment on trigger zz_mivaa_embedding_reset on public.documents is
  'Changed content waits for a new embedding.';
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
comment on policy documents_access on public.documents is
  'Admits whoever has a workspace; the restrictive policies decide the rest.';
comment on policy documents_isolation on public.documents is
  'Rows of the workspace of this request only.';
comment on policy documents_select on public.documents is 'Roles that may read.';
comment on policy documents_insert on public.documents is
  'Roles that may write; a row is inserted in the own name.';
comment on policy documents_update on public.documents is
  'Own rows for roles that write, any row for roles that manage documents.';
comment on policy documents_delete on public.documents is
  'Own rows for roles that delete, any row for roles that manage documents.';
comment on policy document_chunks_access on public.document_chunks is
  'Admits whoever has a workspace; the restrictive policies decide the rest.';
comment on policy document_chunks_isolation on public.document_chunks is
  'Rows of the workspace of this request only.';
comment on policy document_chunks_select on public.document_chunks is 'Roles that may read.';
comment on policy document_chunks_insert on public.document_chunks is 'Roles that may write.';
comment on policy document_chunks_update on public.document_chunks is
  'Roles that manage documents.';
comment on policy document_chunks_delete on public.document_chunks is
  'Roles that manage documents.';
comment on policy pdf_documents_access on public.pdf_documents is
  'Admits whoever has a workspace; the restrictive policies decide the rest.';
comment on policy pdf_documents_isolation on public.pdf_documents is
  'Rows of the workspace of this request only.';
comment on policy pdf_documents_select on public.pdf_documents is 'Roles that may read.';
comment on policy pdf_documents_insert on public.pdf_documents is
  'Roles that may write; a row is inserted in the own name.';
comment on policy pdf_documents_update on public.pdf_documents is
  'Own rows for roles that write, any row for roles that manage documents.';
comment on policy pdf_documents_delete on public.pdf_documents is
  'Own rows for roles that delete, any row for roles that manage documents.';
comment on policy processed_documents_access on public.processed_documents is
  'Admits whoever has a workspace; the restrictive policies decide the rest.';
comment on policy processed_documents_isolation on public.processed_documents is
  'Rows of the workspace of this request only.';
comment on policy processed_documents_select on public.processed_documents is
  'Roles that may read.';
comment on policy processed_documents_insert on public.processed_documents is
  'Roles that may write; a row is inserted in the own name.';
comment on policy processed_documents_update on public.processed_documents is
  'Own rows for roles that write, any row for roles that manage documents.';
comment on policy processed_documents_delete on public.processed_documents is
  'Own rows for roles that delete, any row for roles that manage documents.';
comment on policy workspaces_access on public.workspaces is
  'Admits whoever is a user; the restrictive policy decides the rest.';
comment on policy workspaces_isolation on public.workspaces is
  'Workspaces in which the user is an active member; users change none.';
comment on policy workspace_members_access on public.workspace_members is
  'Admits whoever is a user; the restrictive policy decides the rest.';
comment on policy workspace_members_isolation on public.workspace_members is
  'The memberships of the user; users change none.';
