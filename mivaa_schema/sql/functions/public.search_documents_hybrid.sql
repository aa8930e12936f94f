create function public.search_documents_hybrid(
  query_embedding vector(768) default null,
  query_embedding_legacy vector(1536) default null,
  workspace_id_param uuid default null,
  match_threshold double precision default 0.0,
  match_count integer default 10,
  query_model text default null
)
returns table (
  id uuid,
  title text,
  content text,
  similarity double precision,
  embedding_version text,
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
-- The documents of a workspace that are nearest to a query, nearest first; only active and
-- published ones. An argument that is null has its default. While embeddings move, a second query
-- vector finds the documents that have only the legacy embedding.
-- The workspace is a value in each plan, so that the planner knows how large it is: it sorts a
-- small one exactly and walks the index for a large one.
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
  v_distance double precision;
  v_found bigint;
begin
  if query_embedding_legacy is not null then
    return query
    select f.id, f.title, f.content, f.similarity, f.embedding_version, f.metadata,
      f.embedding_model
    from mivaa.search_documents_mixed(
      query_embedding, query_embedding_legacy, v_workspace, v_threshold, v_count, query_model
    ) f;
    return;
  end if;
  -- No SET clause: a role that is no superuser could not create the function, or restore it,
  -- before the library is loaded.
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true);
  perform set_config('hnsw.ef_search', '200', true);
  embedding_version := 'v2';
  -- The index can run out before the workspace does; then, what it found is not used.
  for v_is_exact in 0..1 loop
    for id, title, content, metadata, embedding_model, v_distance, v_found in
      with near as materialized (
        select d.id, d.title, d.content, d.metadata, d.embedding_model,
          mivaa.cosine_distance(d.embedding_v2, v_query) as distance
        from public.documents d
        where d.workspace_id = v_workspace
          and d.status in ('active', 'published')
          and d.embedding_v2 is not null
        -- Plus zero: an order that no index has.
        order by case
          when v_is_exact = 1 then mivaa.cosine_distance(d.embedding_v2, v_query) + 0
          else mivaa.cosine_distance(d.embedding_v2, v_query)
        end
        limit v_count
      )
      select n.id, n.title, n.content, n.metadata, n.embedding_model, n.distance,
        count(*) over ()
      from near n
      where n.distance < 'NaN'
      -- Plus zero: the planner takes the relaxed order of the index for a sorted one.
      order by n.distance + 0, n.id
    loop
      exit when v_found < v_count and v_is_exact = 0;
      similarity := 1 - v_distance;
      exit when similarity <= v_threshold;
      if embedding_model <> query_model then
        raise exception 'the query was embedded by %, document % by %',
          left(query_model, 100), id, left(embedding_model, 100)
          using errcode = 'invalid_parameter_value',
                hint = 'Vectors of two models cannot be compared: embed the query with the '
                  'model of the documents, or the documents anew.';
      end if;
      return next;
    end loop;
    exit when v_found >= v_count;
  end loop;
  perform set_config('hnsw.iterative_scan', v_iterative_scan, true);
  perform set_config('hnsw.ef_search', v_ef_search, true);
end
$function$;
