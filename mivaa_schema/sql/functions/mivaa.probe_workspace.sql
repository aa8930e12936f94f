create function mivaa.probe_workspace(workspace_id_param uuid)
returns table (
  query_type text,
  avg_execution_time_ms numeric,
  total_calls bigint,
  cache_hit_ratio numeric,
  max_execution_time_ms numeric,
  rows_per_call numeric,
  details text
)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = on
as $function$
-- Executes the queries that applications send most, three times each, with the rights of the
-- caller, and returns what the executor measured. They look for what is there: the newest
-- document, and an embedding of the workspace itself. A query without its subject is not
-- executed, and says so. Nothing is measured for a user that depends on rows of others: neither
-- a walk through the vector index, which all workspaces share, nor a scan of a whole table.
declare
  -- Of any other workspace the plans would tell whether it exists.
  v_workspace constant uuid := mivaa.resolve_workspace(workspace_id_param, 'read');
  v_sees_all constant boolean := not row_security_active('public.documents'::regclass);
  v_shared constant text := 'all workspaces share the vector index, so that its time would tell'
    ' about theirs; service_role may measure it';
  v_iterative_scan constant text := current_setting('hnsw.iterative_scan', true);
  v_calls constant integer := 3;
  v_explain constant text := 'explain (analyze, buffers, timing off, format json) ';
  v_document uuid;
  v_document_embedding public.documents.embedding_v2%type;
  v_chunk_embedding public.document_chunks.embedding_v2%type;
  v_query text;
  v_lacking text;
  v_plan jsonb;
  v_time numeric;
  v_hit bigint;
  v_read bigint;
begin
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true);
  if not v_sees_all then
    -- Ends with this function, whose definition sets it.
    set local enable_seqscan = off;
  end if;
  select d.id into v_document
  from public.documents d
  where d.workspace_id = v_workspace
  order by d.created_at desc
  limit 1;
  select d.embedding_v2 into v_document_embedding
  from public.documents d
  where d.workspace_id = v_workspace and d.embedding_v2 is not null
  limit 1;
  select c.embedding_v2 into v_chunk_embedding
  from public.document_chunks c
  where c.workspace_id = v_workspace and c.embedding_v2 is not null
  limit 1;
  for query_type, v_query, v_lacking in values
    (
      'document_count',
      'select count(*) from public.documents where workspace_id = $1',
      null
    ),
    (
      'document_page',
      'select id, title, status, created_at from public.documents
       where workspace_id = $1 order by created_at desc limit 20',
      null
    ),
    (
      'document_by_id',
      'select * from public.documents where workspace_id = $1 and id = $2',
      case when v_document is null then 'the workspace has no document' end
    ),
    (
      'chunks_of_document',
      'select id, chunk_index, content from public.document_chunks
       where workspace_id = $1 and document_id = $2 order by chunk_index',
      case when v_document is null then 'the workspace has no document' end
    ),
    (
      'chunk_count',
      'select count(*) from public.document_chunks where workspace_id = $1',
      null
    ),
    (
      'document_vector_search',
      'select id, title from public.documents where workspace_id = $1
       and embedding_v2 is not null order by mivaa.cosine_distance(embedding_v2, $3) limit 10',
      case
        when not v_sees_all then v_shared
        when v_document_embedding is null
          then 'no document of the workspace has an embedding of 768 dimensions'
      end
    ),
    (
      'chunk_vector_search',
      'select id, content from public.document_chunks where workspace_id = $1
       and embedding_v2 is not null
       order by mivaa.half_cosine_distance(embedding_v2, $4) limit 10',
      case
        when not v_sees_all then v_shared
        when v_chunk_embedding is null
          then 'no chunk of the workspace has an embedding of 768 dimensions'
      end
    )
  loop
    avg_execution_time_ms := null;
    total_calls := 0;
    cache_hit_ratio := null;
    max_execution_time_ms := null;
    rows_per_call := null;
    details := 'not executed: ' || v_lacking;
    if v_lacking is null then
      v_hit := 0;
      v_read := 0;
      while total_calls < v_calls loop
        execute v_explain || v_query into v_plan
        using v_workspace, v_document, v_document_embedding, v_chunk_embedding;
        v_time := (v_plan #>> '{0,Execution Time}')::numeric;
        v_hit := v_hit + (v_plan #>> '{0,Plan,Shared Hit Blocks}')::bigint;
        v_read := v_read + (v_plan #>> '{0,Plan,Shared Read Blocks}')::bigint;
        total_calls := total_calls + 1;
        avg_execution_time_ms := coalesce(avg_execution_time_ms, 0) + v_time / v_calls;
        max_execution_time_ms := greatest(max_execution_time_ms, v_time);
      end loop;
      avg_execution_time_ms := round(avg_execution_time_ms, 3);
      cache_hit_ratio := round(v_hit::numeric / nullif(v_hit + v_read, 0), 4);
      rows_per_call := trim_scale((v_plan #>> '{0,Plan,Actual Rows}')::numeric);
      details := coalesce(
        'through ' || (
          select string_agg(distinct used.name #>> '{}', ', ')
          from jsonb_path_query(v_plan, '$.**."Index Name"') used (name)
        ),
        'without an index'
      );
    end if;
    return next;
  end loop;
  perform set_config('hnsw.iterative_scan', v_iterative_scan, true);
end
$function$;
