-- What functions, triggers and policies are for. Comments of tables and columns stand in the models.
comment on function mivaa.lock_tables(text, text[]) is
  'Locks tables for a change so that nobody waits long; for the owner of the tables.';
comment on function public.mark_migration_complete(text, text, text) is
  'Records that a phase of a migration is complete; for the owner of the tables.';
comment on function public.rollback_migration_phase(text, text) is
  'Rolls a completed phase back as alembic downgrade would; for the owner of the tables.';
comment on function mivaa.json_setting(text) is
  'A setting of the request as JSON; null where absent or no JSON.';
comment on function mivaa.uuid_or_null(text) is 'The UUID that a text holds, or null.';
comment on function mivaa.user_id() is 'The user of this request, or null; never an error.';
comment on function mivaa.workspace_for(text) is
  'The workspace of this request if its user may do this there, else null: what policies ask.';
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
comment on function mivaa.custom_access_token_hook(jsonb) is
  'For Supabase Auth: puts the workspace of the user into a new token.';
comment on function mivaa.is_colleague(uuid) is
  'Whether a user is an active member of the workspace of this request.';
comment on function mivaa.touch_updated_at() is 'Trigger: keeps updated_at.';
comment on function mivaa.keep_updated_at() is
  'Trigger: writing an embedding alone is no edit, so updated_at stays.';
comment on function mivaa.require_workspace() is 'Trigger: refuses a row without a workspace.';
comment on function mivaa.fill_chunk_workspace() is
  'Trigger: gives a chunk the workspace of its document.';
comment on function mivaa.check_row_owner() is
  'Trigger: a user gives rows to members of the workspace only.';
comment on function mivaa.reset_embedding_status() is
  'Trigger: a row whose content changed waits for a new embedding.';
comment on function mivaa.complete_embedding_status() is
  'Trigger: a row that is written with its embedding is completed.';
comment on function mivaa.cosine_distance(vector, vector) is
  'Cosine distance of two vectors, under every search path.';
comment on function mivaa.half_cosine_distance(vector, vector) is
  'Cosine distance in half precision, as the index of chunks holds it.';
comment on function mivaa.l2_distance(vector, vector) is
  'Euclidean distance of two vectors, under every search path.';
comment on function mivaa.l1_distance(vector, vector) is
  'Taxicab distance of two vectors, under every search path.';
comment on function mivaa.max_inner_product(vector, vector) is
  'Negative inner product of two vectors, under every search path.';
comment on function mivaa.unit_vector(vector) is
  'The vector of length 1 with the same direction.';
comment on function mivaa.validate_query_vector(vector, vector, double precision, integer) is
  'The query vector of a search at length 1; an error where the search can have no answer.';
comment on function mivaa.search_documents_legacy(
  vector, uuid, double precision, integer, boolean
) is 'Documents nearest in the legacy space: all, or those without a new embedding.';
comment on function mivaa.search_documents_mixed(
  vector, vector, uuid, double precision, integer, text
) is 'One list of the documents with a new embedding and of those that wait for one.';
comment on function public.search_documents_hybrid(
  vector, vector, uuid, double precision, integer, text
) is 'The documents of a workspace that are nearest to a query, by new or legacy embedding.';
comment on function mivaa.search_chunks_legacy(
  vector, uuid, double precision, integer, uuid[], boolean
) is 'Chunks nearest in the legacy space: all, or those without a new embedding.';
comment on function mivaa.search_chunks_mixed(
  vector, vector, uuid, double precision, integer, uuid[], text
) is 'One list of the chunks with a new embedding and of those that wait for one.';
comment on function public.search_document_chunks_hybrid(
  vector, vector, uuid, double precision, integer, uuid[], text
) is 'The chunks of a workspace that are nearest to a query, by new or legacy embedding.';
comment on function public.get_embedding_migration_progress() is
  'How many rows have their new embedding: in the own workspace, or everywhere for the owner.';
comment on function mivaa.is_workspace(uuid) is 'Whether a workspace of this id exists.';
comment on function mivaa.resolve_existing_workspace(uuid, text) is
  'The workspace that a maintenance function works on; an error where there is none.';
comment on function mivaa.require_permission(text) is
  'The workspace of this request; an error unless the user may do this there.';
comment on function mivaa.probe_workspace(uuid) is
  'Executes the standard queries of a workspace and returns what was measured.';
comment on function mivaa.platform_statements() is
  'The slowest statements on documents and chunks that pg_stat_statements has counted.';
comment on function mivaa.refresh_statistics() is
  'Renews the statistics of the document tables, at most every ten minutes.';
comment on function mivaa.refresh_statistics_of_request() is
  'Renews the statistics of the document tables for a user who manages documents.';
comment on function mivaa.table_health() is
  'Invalid and unused indexes, and tables with many dead rows.';
comment on function public.analyze_workspace_query_performance(uuid) is
  'How fast the standard queries of a workspace are, measured by executing them.';
comment on function public.optimize_workspace_data(uuid) is
  'Renews statistics, and reports what else slows the queries of a workspace down.';
comment on function mivaa.check_references(uuid) is
  'Check: chunks and extractions point at rows of their own workspace.';
comment on function mivaa.check_embeddings(uuid) is
  'Check: embeddings are there, and their recorded states are true.';
comment on function mivaa.check_statuses(uuid) is 'Check: every status is a known one.';
comment on function mivaa.check_users(uuid) is 'Check: the users that rows name exist.';
comment on function mivaa.check_workspaces(uuid) is
  'Check: memberships make sense, and rows are in a workspace that exists.';
comment on function mivaa.check_indexes() is 'Check: every index is valid.';
comment on function mivaa.integrity(uuid) is
  'All checks, of a workspace or of the whole database.';
comment on function mivaa.integrity_of_request() is
  'All checks of the workspace of this request.';
comment on function mivaa.orphaned_chunks(uuid, integer) is
  'Chunks of a workspace whose document does not exist.';
comment on function mivaa.orphaned_chunks_of_request(integer) is
  'Chunks of the workspace of this request whose document does not exist.';
comment on function public.validate_workspace_data_integrity(uuid) is
  'Looks for faults in the data of a workspace; the owner without an argument: in all.';
comment on function public.cleanup_orphaned_data(uuid, boolean) is
  'Deletes chunks whose document does not exist; by default it only counts them.';
comment on trigger zz_mivaa_embedding_completed on public.document_chunks is
  'A row that is written with its embedding is completed.';
comment on trigger zz_mivaa_embedding_reset on public.document_chunks is
  'Changed content waits for a new embedding.';
comment on trigger zz_mivaa_updated_at on public.document_chunks is 'Keeps updated_at.';
comment on trigger zz_mivaa_updated_at_kept on public.document_chunks is
  'Writing an embedding alone is no edit.';
comment on trigger zz_mivaa_workspace on public.document_chunks is
  'A chunk has the workspace of its document.';
comment on trigger zz_mivaa_embedding_completed on public.documents is
  'A row that is written with its embedding is completed.';
comment on trigger zz_mivaa_embedding_reset on public.documents is
  'Changed content waits for a new embedding.';
comment on trigger zz_mivaa_row_owner on public.documents is
  'Rows are given to members of the workspace only.';
comment on trigger zz_mivaa_updated_at on public.documents is 'Keeps updated_at.';
comment on trigger zz_mivaa_updated_at_kept on public.documents is
  'Writing an embedding alone is no edit.';
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
comment on policy migration_tracking_closed on public.migration_tracking is
  'For its owner, and for roles that bypass row-level security.';
comment on policy documents_access on public.documents is
  'Admits rows of a workspace; the restrictive policies decide whose.';
comment on policy documents_select on public.documents is
  'Everybody: rows of the workspace in which the user may read.';
comment on policy documents_insert on public.documents is
  'Everybody: rows of the workspace in which the user may write, in the own name.';
comment on policy documents_update on public.documents is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy documents_delete on public.documents is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy document_chunks_access on public.document_chunks is
  'Admits rows of a workspace; the restrictive policies decide whose.';
comment on policy document_chunks_select on public.document_chunks is
  'Everybody: rows of the workspace in which the user may read.';
comment on policy document_chunks_insert on public.document_chunks is
  'Everybody: rows of the workspace in which the user may write.';
comment on policy document_chunks_update on public.document_chunks is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy document_chunks_delete on public.document_chunks is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy pdf_documents_access on public.pdf_documents is
  'Admits rows of a workspace; the restrictive policies decide whose.';
comment on policy pdf_documents_select on public.pdf_documents is
  'Everybody: rows of the workspace in which the user may read.';
comment on policy pdf_documents_insert on public.pdf_documents is
  'Everybody: rows of the workspace in which the user may write, in the own name.';
comment on policy pdf_documents_update on public.pdf_documents is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy pdf_documents_delete on public.pdf_documents is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy processed_documents_access on public.processed_documents is
  'Admits rows of a workspace; the restrictive policies decide whose.';
comment on policy processed_documents_select on public.processed_documents is
  'Everybody: rows of the workspace in which the user may read.';
comment on policy processed_documents_insert on public.processed_documents is
  'Everybody: rows of the workspace in which the user may write, in the own name.';
comment on policy processed_documents_update on public.processed_documents is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy processed_documents_delete on public.processed_documents is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy workspaces_access on public.workspaces is
  'Admits whoever is a user; the restrictive policy decides the rest.';
comment on policy workspaces_isolation on public.workspaces is
  'Workspaces in which the user is an active member; users change none.';
comment on policy workspaces_delete on public.workspaces is 'Users delete none.';
comment on policy workspace_members_access on public.workspace_members is
  'Admits whoever is a user; the restrictive policy decides the rest.';
comment on policy workspace_members_isolation on public.workspace_members is
  'The memberships of the user; users change none.';
comment on policy workspace_members_delete on public.workspace_members is
  'Users delete none.';
