-- Running downgrade 0010 -> 0009

update public.migration_tracking set status = 'running', completed_at = null
where migration_name = 'mivaa_integration' and phase = 'performance_optimization';

drop function public.optimize_workspace_data(workspace_id_param uuid);

drop function public.analyze_workspace_query_performance(workspace_id_param uuid);

drop function mivaa.table_health();

drop function mivaa.refresh_statistics_of_request();

drop function mivaa.refresh_statistics();

drop function mivaa.platform_statements();

drop function mivaa.probe_workspace(workspace_id_param uuid);

drop function mivaa.require_permission(permission_name text);

drop function mivaa.resolve_existing_workspace(workspace_id_param uuid, permission_name text);

drop function mivaa.is_workspace(workspace_id_param uuid);

UPDATE mivaa.alembic_version SET version_num='0009' WHERE mivaa.alembic_version.version_num = '0010';
