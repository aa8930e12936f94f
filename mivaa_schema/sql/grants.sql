-- Everything that is granted. What is not here is not granted: nothing to PUBLIC, nothing to anon,
-- and to the API roles on a table never more than these four privileges.
-- The schema and the token hook for Supabase Auth, whose role a platform may lack; and nobody else.
do $mivaa$ begin
  if exists (select from pg_catalog.pg_roles where rolname = 'supabase_auth_admin')
  then grant usage on schema mivaa to supabase_auth_admin; end if; end $mivaa$;
do $mivaa$ begin
  if exists (select from pg_catalog.pg_roles where rolname = 'supabase_auth_admin')
  then grant execute on function mivaa.custom_access_token_hook(jsonb)
  to supabase_auth_admin; end if; end $mivaa$;
grant usage on schema mivaa to authenticated, service_role;
grant execute on function mivaa.json_setting(text) to authenticated, service_role;
grant execute on function mivaa.uuid_or_null(text) to authenticated, service_role;
grant execute on function mivaa.user_id() to authenticated, service_role;
grant execute on function mivaa.workspace_for(text) to authenticated, service_role;
grant execute on function mivaa.get_workspace_id() to authenticated, service_role;
grant execute on function mivaa.get_user_role() to authenticated, service_role;
grant execute on function mivaa.has_permission(text) to authenticated, service_role;
grant execute on function mivaa.active_workspace_ids() to authenticated, service_role;
grant execute on function mivaa.is_colleague(uuid) to authenticated, service_role;
grant execute on function mivaa.resolve_workspace(uuid, text) to authenticated, service_role;
grant select on public.workspaces to authenticated;
grant select, insert, update, delete on public.workspaces to service_role;
grant select on public.workspace_members to authenticated;
grant select, insert, update, delete on public.workspace_members to service_role;
grant select, insert, update, delete on public.documents to authenticated, service_role;
grant select, insert, update, delete on public.document_chunks to authenticated, service_role;
grant select, insert, update, delete on public.pdf_documents to authenticated, service_role;
grant select, insert, update, delete on public.processed_documents to authenticated, service_role;
grant select on public.migration_tracking to service_role;
grant execute on function mivaa.cosine_distance(vector, vector) to authenticated, service_role;
grant execute on function mivaa.half_cosine_distance(vector, vector) to authenticated, service_role;
grant execute on function mivaa.l2_distance(vector, vector) to authenticated, service_role;
grant execute on function mivaa.l1_distance(vector, vector) to authenticated, service_role;
grant execute on function mivaa.max_inner_product(vector, vector) to authenticated, service_role;
grant execute on function mivaa.unit_vector(vector) to authenticated, service_role;
grant execute on function mivaa.validate_query_vector(vector, vector, double precision, integer)
  to authenticated, service_role;
grant execute on function mivaa.search_documents_legacy(
  vector, uuid, double precision, integer, boolean
) to authenticated, service_role;
grant execute on function mivaa.search_documents_mixed(
  vector, vector, uuid, double precision, integer, text
) to authenticated, service_role;
grant execute on function public.search_documents_hybrid(
  vector, vector, uuid, double precision, integer, text
) to authenticated, service_role;
grant execute on function mivaa.search_chunks_legacy(
  vector, uuid, double precision, integer, uuid[], boolean
) to authenticated, service_role;
grant execute on function mivaa.search_chunks_mixed(
  vector, vector, uuid, double precision, integer, uuid[], text
) to authenticated, service_role;
grant execute on function public.search_document_chunks_hybrid(
  vector, vector, uuid, double precision, integer, uuid[], text
) to authenticated, service_role;
grant execute on function public.get_embedding_migration_progress()
  to authenticated, service_role;
grant execute on function mivaa.is_workspace(uuid) to service_role;
grant execute on function mivaa.resolve_existing_workspace(uuid, text)
  to authenticated, service_role;
grant execute on function mivaa.probe_workspace(uuid) to authenticated, service_role;
grant execute on function mivaa.platform_statements() to service_role;
grant execute on function mivaa.refresh_statistics() to service_role;
grant execute on function mivaa.refresh_statistics_of_request() to authenticated;
grant execute on function mivaa.table_health() to authenticated, service_role;
grant execute on function public.analyze_workspace_query_performance(uuid)
  to authenticated, service_role;
grant execute on function public.optimize_workspace_data(uuid) to authenticated, service_role;
grant execute on function mivaa.integrity(uuid) to service_role;
grant execute on function mivaa.integrity_of_request() to authenticated;
grant execute on function mivaa.orphaned_chunks(uuid, integer) to service_role;
grant execute on function mivaa.orphaned_chunks_of_request(integer) to authenticated;
grant execute on function public.validate_workspace_data_integrity(uuid)
  to authenticated, service_role;
grant execute on function public.cleanup_orphaned_data(uuid, boolean)
  to authenticated, service_role;
