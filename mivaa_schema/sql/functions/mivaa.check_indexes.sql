create function mivaa.check_indexes()
returns table (check_name text, fault text, issue_count bigint, issues text, remedy text)
language plpgsql
stable
parallel restricted
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
-- Whether every index of the platform's tables is valid; they belong to all workspaces.
begin
  return query
  select
    'invalid_indexes', 'FAIL', count(*), 'indexes that are INVALID',
    format(
      'A build has failed or still runs: %s. The owner repairs it with REINDEX INDEX CONCURRENTLY.',
      string_agg(i.indexrelid::regclass::text, ', ' order by i.indexrelid::regclass::text)
    )
  from pg_catalog.pg_index i
  where not (i.indisvalid and i.indisready)
    and i.indrelid in (
      'public.documents'::regclass, 'public.document_chunks'::regclass,
      'public.pdf_documents'::regclass, 'public.processed_documents'::regclass,
      'public.workspaces'::regclass, 'public.workspace_members'::regclass
    );
end
$function$;
