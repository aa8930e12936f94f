create function public.optimize_workspace_data(workspace_id_param uuid)
returns table (operation text, status text, details text, object_name text)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Renews the statistics by which the queries of a workspace are planned, and reports what else
-- slows them down. Reports as COMPLETED only what was seen to be done; what a function cannot do,
-- such as VACUUM, it recommends.
begin
  perform mivaa.resolve_existing_workspace(workspace_id_param, 'manage_documents');
  if row_security_active('public.documents'::regclass) then
    return query
    select 'update_statistics'::text, s.status, s.details, s.table_name
    from mivaa.refresh_statistics_of_request() s;
  else
    return query
    select 'update_statistics'::text, s.status, s.details, s.table_name
    from mivaa.refresh_statistics() s;
  end if;
  return query
  select h.operation, h.status, h.details, h.object_name from mivaa.table_health() h;
end
$function$;
