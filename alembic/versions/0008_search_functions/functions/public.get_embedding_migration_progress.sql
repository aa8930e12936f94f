create function public.get_embedding_migration_progress()
returns table (
  table_name text,
  total_records bigint,
  migrated_records bigint,
  pending_records bigint,
  migration_percentage numeric,
  failed_records bigint,
  skipped_records bigint
)
language plpgsql
stable
parallel safe
security invoker
rows 2
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
-- How far the move of the embeddings is: for a user in the workspace of the request, for roles
-- that see all workspaces in all of them. Every row is in one of the four states; one that an
-- adopted table has in no known state is pending. The percentage of an empty table is null.
declare
  v_workspace uuid;
begin
  if row_security_active('public.documents'::regclass) then
    v_workspace := mivaa.resolve_workspace(null::uuid, 'read');
  end if;
  return query
  select s.table_name, s.total, s.migrated, s.total - s.migrated - s.failed - s.skipped,
    round(100.0 * s.migrated / nullif(s.total, 0), 2), s.failed, s.skipped
  from (
    select 'documents' as table_name, count(*) as total,
      count(*) filter (where d.embedding_migration_status = 'completed') as migrated,
      count(*) filter (where d.embedding_migration_status = 'failed') as failed,
      count(*) filter (where d.embedding_migration_status = 'skipped') as skipped
    from public.documents d
    where v_workspace is null or d.workspace_id = v_workspace
    union all
    select 'document_chunks', count(*),
      count(*) filter (where c.embedding_migration_status = 'completed'),
      count(*) filter (where c.embedding_migration_status = 'failed'),
      count(*) filter (where c.embedding_migration_status = 'skipped')
    from public.document_chunks c
    where v_workspace is null or c.workspace_id = v_workspace
  ) s;
end
$function$;
