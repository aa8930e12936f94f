grant execute on function mivaa.integrity(uuid) to service_role;
grant execute on function mivaa.integrity_of_request() to authenticated;
grant execute on function mivaa.orphaned_chunks(uuid, integer) to service_role;
grant execute on function mivaa.orphaned_chunks_of_request(integer) to authenticated;
grant execute on function public.validate_workspace_data_integrity(uuid)
  to authenticated, service_role;
grant execute on function public.cleanup_orphaned_data(uuid, boolean)
  to authenticated, service_role;
