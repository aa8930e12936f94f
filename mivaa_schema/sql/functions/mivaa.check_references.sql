create function mivaa.check_references(workspace_id_param uuid)
returns table (check_name text, fault text, issue_count bigint, issues text, remedy text)
language plpgsql
stable
parallel restricted
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
-- Whether chunks and extractions point at documents and files of their own workspace. Our keys
-- guarantee it; an adopted table may lack them. A null argument means the whole database.
begin
  return query
  select f.*
  from (
    select
      count(*) filter (where c.document_id is not null and d.id is null) as orphaned,
      count(*) filter (
        where d.id is not null
          and c.workspace_id is not null
          and d.workspace_id is distinct from c.workspace_id
      ) as misplaced,
      count(*) filter (where c.document_id is null) as alone
    from public.document_chunks c
    left join public.documents d on d.id = c.document_id
    where workspace_id_param is null or c.workspace_id = workspace_id_param
  ) n
  cross join lateral (
    values
      (
        'orphaned_chunks', 'FAIL', n.orphaned, 'chunks whose document does not exist',
        'cleanup_orphaned_data removes them.'
      ),
      (
        'chunk_workspace_mismatch', 'FAIL', n.misplaced,
        'chunks in another workspace than their document',
        'Members of the document''s workspace cannot see them: set their workspace_id.'
      ),
      (
        'chunks_without_document', 'WARN', n.alone, 'chunks that name no document',
        'Set their document_id, or delete them; cleanup_orphaned_data leaves them alone.'
      )
  ) f;
  return query
  select
    'dangling_extractions', 'FAIL', count(*),
    'processed documents whose PDF or document does not exist in their workspace',
    'Set pdf_document_id or document_id to null, or to a row of the workspace.'
  from public.processed_documents p
  left join public.pdf_documents f on f.id = p.pdf_document_id
  left join public.documents d on d.id = p.document_id
  where p.workspace_id is not null
    and (workspace_id_param is null or p.workspace_id = workspace_id_param)
    and (
      (p.pdf_document_id is not null and f.workspace_id is distinct from p.workspace_id)
      or (p.document_id is not null and d.workspace_id is distinct from p.workspace_id)
    );
end
$function$;
