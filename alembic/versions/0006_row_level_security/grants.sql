-- Everything that is granted. What is not here is not granted: nothing to PUBLIC, nothing to anon,
-- and to the API roles on a table never more than these four privileges.
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
