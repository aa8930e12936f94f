create function mivaa.search_chunks_mixed(
  query_embedding vector,
  query_embedding_legacy vector,
  workspace_id_param uuid,
  match_threshold double precision,
  match_count integer,
  document_ids uuid[],
  query_model text
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
-- One list of the chunks that have a new embedding and of those that still wait for one, in the
-- order that mivaa.search_documents_mixed explains.
declare
  -- A null of its type: no other function of the name can fit better.
  v_no_legacy constant query_embedding%type := null;
begin
  if query_embedding is null then
    return query
    select l.id, l.document_id, l.chunk_index, l.content, l.similarity, 'v1', l.page_number,
      l.metadata, null::text
    from mivaa.search_chunks_legacy(
      query_embedding_legacy, workspace_id_param, match_threshold, match_count, document_ids,
      false
    ) l;
    return;
  end if;
  return query
  with moved as materialized (
    select s.*,
      nullif(
        1 - mivaa.cosine_distance(c.embedding, query_embedding_legacy), 'NaN'
      ) as legacy_similarity
    from public.search_document_chunks_hybrid(
      query_embedding, v_no_legacy, workspace_id_param, match_threshold, match_count, document_ids,
      query_model
    ) with ordinality as s (
      id, document_id, chunk_index, content, similarity, embedding_version, page_number,
      metadata, embedding_model, place
    )
    left join public.document_chunks c on c.workspace_id = workspace_id_param and c.id = s.id
  ),
  waiting as materialized (
    select l.*
    from mivaa.search_chunks_legacy(
      query_embedding_legacy, workspace_id_param, match_threshold, match_count, document_ids,
      true
    ) with ordinality as l (
      id, document_id, chunk_index, content, similarity, page_number, metadata,
      place
    )
  )
  select f.id, f.document_id, f.chunk_index, f.content, f.similarity, f.embedding_version,
    f.page_number, f.metadata, f.embedding_model
  from (
    select m.id, m.document_id, m.chunk_index, m.content, m.similarity, m.embedding_version,
      m.page_number, m.metadata, m.embedding_model, m.place as ahead, 0 as list, m.place
    from moved m
    union all
    select w.id, w.document_id, w.chunk_index, w.content, w.similarity, 'v1',
      w.page_number, w.metadata, null,
      (
        select count(*)
        from moved m
        where coalesce(m.legacy_similarity > w.similarity, m.place <= w.place)
      ),
      1, w.place
    from waiting w
  ) f
  order by f.ahead, f.list, f.place
  limit match_count;
end
$function$;
