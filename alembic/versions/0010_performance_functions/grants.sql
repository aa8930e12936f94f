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
