-- Running downgrade 0010 -> 0009

update public.migration_tracking set status = 'running', completed_at = null
where migration_name = 'mivaa_integration' and phase = 'performance_optimization';

drop function if exists public.optimize_workspace_data(workspace_id_param uuid);

drop function if exists public.analyze_workspace_query_performance(workspace_id_param uuid);

drop function if exists mivaa.table_health();

drop function if exists mivaa.refresh_statistics_of_request();

drop function if exists mivaa.refresh_statistics();

drop function if exists mivaa.platform_statements();

drop function if exists mivaa.probe_workspace(workspace_id_param uuid);

drop function if exists mivaa.require_permission(permission_name text);

drop function if exists mivaa.resolve_existing_workspace(workspace_id_param uuid, permission_name text);

drop function if exists mivaa.is_workspace(workspace_id_param uuid);

UPDATE mivaa.alembic_version SET version_num='0009' WHERE mivaa.alembic_version.version_num = '0010';
