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
