create function public.search_document_chunks_hybrid(
  query_embedding vector(768) default null,
  query_embedding_legacy vector(1536) default null,
  workspace_id_param uuid default null,
  match_threshold double precision default 0.0,
  match_count integer default 10,
  document_ids uuid[] default null,
  query_model text default null
)
returns table (
  id uuid,
  document_id uuid,
  chunk_index integer,
  content text,
  similarity double precision,
  embedding_version text,
  page_number integer,
  metadata jsonb,
  embedding_model text
)
language plpgsql
stable
parallel unsafe
security invoker
rows 10
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
-- The chunks of a workspace that are nearest to a query, nearest first; only chunks of active and
-- published documents, and of the given documents where some are given. An argument that is null
-- has its default. While embeddings move, a second query vector finds the chunks that have only
-- the legacy embedding.
-- The index holds half precision, so a few more than wanted are taken from it and sorted by the
-- full one. The status of their documents is looked up afterwards; where too few may be shown,
-- the search widens.
declare
  v_workspace constant uuid := mivaa.resolve_workspace(workspace_id_param, 'read');
  v_count constant integer := coalesce(match_count, 10);
  v_threshold constant double precision := coalesce(match_threshold, 0.0);
  v_query constant query_embedding%type := mivaa.validate_query_vector(
    query_embedding, query_embedding_legacy, v_threshold, v_count
  );
  -- What the session has, read once the library of pgvector is loaded.
  v_iterative_scan constant text := current_setting('hnsw.iterative_scan', true);
  v_ef_search constant text := current_setting('hnsw.ef_search', true);
  v_limit integer := v_count + greatest(10, v_count / 8);
  v_is_exact boolean := false;
  v_distance double precision;
  v_is_searchable boolean;
  v_near bigint;
  v_searchable bigint;
  v_returned integer := 0;
begin
  if cardinality(document_ids) > 10000 then
    raise exception 'document_ids has % ids, expected at most 10000', cardinality(document_ids)
      using errcode = 'invalid_parameter_value',
            hint = 'Leave it out to search all documents, or search in parts.';
  end if;
  if query_embedding_legacy is not null then
    return query
    select f.id, f.document_id, f.chunk_index, f.content, f.similarity, f.embedding_version,
      f.page_number, f.metadata, f.embedding_model
    from mivaa.search_chunks_mixed(
      query_embedding, query_embedding_legacy, v_workspace, v_threshold, v_count, document_ids,
      query_model
    ) f;
    return;
  end if;
  -- No SET clause: a role that is no superuser could not create the function, or restore it,
  -- before the library is loaded.
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true);
  perform set_config('hnsw.ef_search', '200', true);
  embedding_version := 'v2';
  loop
    for id, document_id, chunk_index, content, page_number, metadata, embedding_model,
      v_distance, v_is_searchable, v_near, v_searchable
    in
      with near as materialized (
        select c.id, c.document_id, c.chunk_index, c.content, c.page_number, c.metadata,
          c.embedding_model, mivaa.cosine_distance(c.embedding_v2, v_query) as distance
        from public.document_chunks c
        where c.workspace_id = v_workspace
          and c.embedding_v2 is not null
          and (document_ids is null or c.document_id = any (document_ids))
        -- Plus zero: an order that no index has.
        order by case
          when v_is_exact then mivaa.cosine_distance(c.embedding_v2, v_query) + 0
          else mivaa.half_cosine_distance(c.embedding_v2, v_query)
        end
        limit v_limit
      )
      select n.id, n.document_id, n.chunk_index, n.content, n.page_number, n.metadata,
        n.embedding_model, n.distance, d.id is not null, count(*) over (), count(d.id) over ()
      from near n
      left join public.documents d
        on d.workspace_id = v_workspace
        and d.id = n.document_id
        and d.status in ('active', 'published')
      where n.distance < 'NaN'
      order by n.distance + 0, n.id
    loop
      exit when v_searchable < v_count and (v_near >= v_limit or not v_is_exact);
      continue when not v_is_searchable;
      similarity := 1 - v_distance;
      exit when similarity <= v_threshold or v_returned = v_count;
      if embedding_model <> query_model then
        raise exception 'the query was embedded by %, chunk % by %',
          left(query_model, 100), id, left(embedding_model, 100)
          using errcode = 'invalid_parameter_value',
                hint = 'Vectors of two models cannot be compared: embed the query with the '
                  'model of the chunks, or the chunks anew.';
      end if;
      v_returned := v_returned + 1;
      return next;
    end loop;
    exit when v_searchable >= v_count;
    if v_near >= v_limit then
      v_limit := v_limit * 4;
    elsif v_is_exact then
      exit;
    else
      -- The index can run out before the workspace does; then, what it found is not used.
      v_is_exact := true;
    end if;
  end loop;
  perform set_config('hnsw.iterative_scan', v_iterative_scan, true);
  perform set_config('hnsw.ef_search', v_ef_search, true);
end
$function$;
