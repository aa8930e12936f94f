create function mivaa.search_documents_legacy(
  query_embedding_legacy vector,
  workspace_id_param uuid,
  match_threshold double precision,
  match_count integer,
  unmigrated_only boolean
)
returns table (
  id uuid,
  title text,
  content text,
  similarity double precision,
  metadata jsonb
)
language plpgsql
stable
parallel unsafe
security invoker
rows 10
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
-- The documents of a workspace that are nearest in the legacy space, or those of them that have no
-- new embedding yet. Without an index of the platform on the legacy column it is an exact search.
declare
  v_query constant query_embedding_legacy%type := mivaa.unit_vector(query_embedding_legacy);
  -- What the session has, read once the library of pgvector is loaded.
  v_iterative_scan constant text := current_setting('hnsw.iterative_scan', true);
  v_ef_search constant text := current_setting('hnsw.ef_search', true);
  v_lists_scan constant text := current_setting('ivfflat.iterative_scan', true);
  v_distance double precision;
  v_found bigint;
begin
  -- No SET clause: a role that is no superuser could not create the function, or restore it,
  -- before the library is loaded.
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true);
  perform set_config('hnsw.ef_search', '200', true);
  perform set_config('ivfflat.iterative_scan', 'relaxed_order', true);
  for v_is_exact in 0..1 loop
    for id, title, content, metadata, v_distance, v_found in
      with near as materialized (
        select d.id, d.title, d.content, d.metadata,
          mivaa.cosine_distance(d.embedding, v_query) as distance
        from public.documents d
        where d.workspace_id = workspace_id_param
          and d.status in ('active', 'published')
          and d.embedding is not null
          and (d.embedding_v2 is null or not unmigrated_only)
        order by case
          when v_is_exact = 1 then mivaa.cosine_distance(d.embedding, v_query) + 0
          else mivaa.cosine_distance(d.embedding, v_query)
        end
        limit match_count
      )
      select n.id, n.title, n.content, n.metadata, n.distance, count(*) over ()
      from near n
      where n.distance < 'NaN'
      order by n.distance + 0, n.id
    loop
      exit when v_found < match_count and v_is_exact = 0;
      similarity := 1 - v_distance;
      exit when similarity <= match_threshold;
      return next;
    end loop;
    exit when v_found >= match_count;
  end loop;
  perform set_config('hnsw.iterative_scan', v_iterative_scan, true);
  perform set_config('hnsw.ef_search', v_ef_search, true);
  perform set_config('ivfflat.iterative_scan', v_lists_scan, true);
end
$function$;
