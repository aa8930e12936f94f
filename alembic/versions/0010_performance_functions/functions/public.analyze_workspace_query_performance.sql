create function public.analyze_workspace_query_performance(workspace_id_param uuid)
returns table (
  query_type text,
  avg_execution_time_ms numeric,
  total_calls bigint,
  cache_hit_ratio numeric,
  scope text,
  max_execution_time_ms numeric,
  rows_per_call numeric,
  details text
)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- How fast the standard queries of a workspace are, measured now: each is executed a few times
-- with the rights of the caller. Roles that see all workspaces get the statements that
-- pg_stat_statements has counted as well, told apart by scope. Ratios are between 0 and 1.
declare
  v_workspace constant uuid := mivaa.resolve_existing_workspace(workspace_id_param, 'read');
begin
  return query
  select
    p.query_type, p.avg_execution_time_ms, p.total_calls, p.cache_hit_ratio,
    'workspace probe'::text, p.max_execution_time_ms, p.rows_per_call, p.details
  from mivaa.probe_workspace(v_workspace) p;
  if not row_security_active('public.documents'::regclass) then
    return query
    select
      s.query_type, s.avg_execution_time_ms, s.total_calls, s.cache_hit_ratio,
      'platform-wide'::text, s.max_execution_time_ms, s.rows_per_call, s.details
    from mivaa.platform_statements() s;
  end if;
end
$function$;
