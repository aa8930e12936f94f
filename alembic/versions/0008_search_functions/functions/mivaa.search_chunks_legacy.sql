create function mivaa.search_chunks_legacy(
  query_embedding_legacy vector,
  workspace_id_param uuid,
  match_threshold double precision,
  match_count integer,
  document_ids uuid[],
  unmigrated_only boolean
)
returns table (
  id uuid,
  document_id uuid,
  chunk_index integer,
  content text,
  similarity double precision,
  page_number integer,
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
-- The chunks of a workspace that are nearest in the legacy space, or those of them that have no
-- new embedding yet. Without an index of the platform on the legacy column it is an exact search.
declare
  v_query constant query_embedding_legacy%type := mivaa.unit_vector(query_embedding_legacy);
  -- What the session has, read once the library of pgvector is loaded.
  v_iterative_scan constant text := current_setting('hnsw.iterative_scan', true);
  v_ef_search constant text := current_setting('hnsw.ef_search', true);
  v_lists_scan constant text := current_setting('ivfflat.iterative_scan', true);
  v_limit integer := match_count;
  v_is_exact boolean := false;
  v_distance double precision;
  v_is_searchable boolean;
  v_near bigint;
  v_searchable bigint;
begin
  -- No SET clause: a role that is no superuser could not create the function, or restore it,
  -- before the library is loaded.
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true);
  perform set_config('hnsw.ef_search', '200', true);
  perform set_config('ivfflat.iterative_scan', 'relaxed_order', true);
  loop
    for id, document_id, chunk_index, content, page_number, metadata, v_distance,
      v_is_searchable, v_near, v_searchable
    in
      with near as materialized (
        select c.id, c.document_id, c.chunk_index, c.content, c.page_number, c.metadata,
          mivaa.cosine_distance(c.embedding, v_query) as distance
        from public.document_chunks c
        where c.workspace_id = workspace_id_param
          and c.embedding is not null
          and (c.embedding_v2 is null or not unmigrated_only)
          and (document_ids is null or c.document_id = any (document_ids))
        order by case
          when v_is_exact then mivaa.cosine_distance(c.embedding, v_query) + 0
          else mivaa.cosine_distance(c.embedding, v_query)
        end
        limit v_limit
      )
      select n.id, n.document_id, n.chunk_index, n.content, n.page_number, n.metadata,
        n.distance, d.id is not null, count(*) over (), count(d.id) over ()
      from near n
      left join public.documents d
        on d.workspace_id = workspace_id_param
        and d.id = n.document_id
        and d.status in ('active', 'published')
      where n.distance < 'NaN'
      order by n.distance + 0, n.id
    loop
      exit when v_searchable < match_count and (v_near >= v_limit or not v_is_exact);
      continue when not v_is_searchable;
      similarity := 1 - v_distance;
      exit when similarity <= match_threshold;
      return next;
    end loop;
    exit when v_searchable >= match_count;
    if v_near >= v_limit then
      v_limit := v_limit * 4;
    elsif v_is_exact then
      exit;
    else
      v_is_exact := true;
    end if;
  end loop;
  perform set_config('hnsw.iterative_scan', v_iterative_scan, true);
  perform set_config('hnsw.ef_search', v_ef_search, true);
  perform set_config('ivfflat.iterative_scan', v_lists_scan, true);
end
$function$;
