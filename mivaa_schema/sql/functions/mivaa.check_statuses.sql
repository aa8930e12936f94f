create function mivaa.check_statuses(workspace_id_param uuid)
returns table (check_name text, fault text, issue_count bigint, issues text, remedy text)
language plpgsql
stable
parallel restricted
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
-- Whether every status is one that the platform knows. Our checks guarantee it; an adopted table
-- may lack them. A null argument means the whole database.
begin
  return query
  select
    'unknown_statuses', 'FAIL', count(*), 'statuses of rows that are none of the known ones',
    'Set them to a known one, which the comment of each column lists.'
  from (
    select
      d.workspace_id,
      d.status in ('draft', 'active', 'published', 'archived', 'deleted') as is_known
    from public.documents d
    union all
    select p.workspace_id, p.status in ('pending', 'processing', 'completed', 'failed')
    from public.pdf_documents p
    union all
    select p.workspace_id, p.status in ('pending', 'processing', 'completed', 'failed')
    from public.processed_documents p
    union all
    select
      d.workspace_id,
      d.embedding_migration_status in ('pending', 'completed', 'failed', 'skipped')
    from public.documents d
    union all
    select
      c.workspace_id,
      c.embedding_migration_status in ('pending', 'completed', 'failed', 'skipped')
    from public.document_chunks c
  ) s
  where s.is_known is not true
    and (workspace_id_param is null or s.workspace_id = workspace_id_param);
end
$function$;
