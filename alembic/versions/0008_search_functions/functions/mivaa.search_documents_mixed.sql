create function mivaa.search_documents_mixed(
  query_embedding vector,
  query_embedding_legacy vector,
  workspace_id_param uuid,
  match_threshold double precision,
  match_count integer,
  query_model text
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
-- One list of the documents that have a new embedding and of those that still wait for one. The
-- cosines of two models are never compared: a waiting document comes after those with a new
-- embedding that are nearer in the legacy space. Where these have no legacy embedding to compare,
-- the two lists take turns.
declare
  -- A null of its type: no other function of the name can fit better.
  v_no_legacy constant query_embedding%type := null;
begin
  if query_embedding is null then
    return query
    select l.id, l.title, l.content, l.similarity, 'v1', l.metadata, null::text
    from mivaa.search_documents_legacy(
      query_embedding_legacy, workspace_id_param, match_threshold, match_count, false
    ) l;
    return;
  end if;
  return query
  with moved as materialized (
    select s.*,
      nullif(
        1 - mivaa.cosine_distance(d.embedding, query_embedding_legacy), 'NaN'
      ) as legacy_similarity
    from public.search_documents_hybrid(
      query_embedding, v_no_legacy, workspace_id_param, match_threshold, match_count, query_model
    ) with ordinality as s (
      id, title, content, similarity, embedding_version, metadata, embedding_model, place
    )
    left join public.documents d on d.workspace_id = workspace_id_param and d.id = s.id
  ),
  waiting as materialized (
    select l.*
    from mivaa.search_documents_legacy(
      query_embedding_legacy, workspace_id_param, match_threshold, match_count, true
    ) with ordinality as l (id, title, content, similarity, metadata, place)
  )
  select f.id, f.title, f.content, f.similarity, f.embedding_version, f.metadata,
    f.embedding_model
  from (
    select m.id, m.title, m.content, m.similarity, m.embedding_version, m.metadata,
      m.embedding_model, m.place as ahead, 0 as list, m.place
    from moved m
    union all
    select w.id, w.title, w.content, w.similarity, 'v1', w.metadata, null,
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
