create function mivaa.check_embeddings(workspace_id_param uuid)
returns table (check_name text, fault text, issue_count bigint, issues text, remedy text)
language plpgsql
stable
parallel restricted
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
-- Whether everything that search should find has an embedding, whether the recorded states are
-- true, and whether an embedding is zero: cosine distance knows no direction of it, so it is never
-- found. A null argument means the whole database. Vectors are looked at as arrays, with operators
-- of pg_catalog.
begin
  return query
  select f.*
  from (
    select
      count(*) filter (
        where t.status in ('active', 'published')
          and t.embedding is null
          and t.embedding_v2 is null
          and t.embedding_migration_status is distinct from 'skipped'
      ) as missing,
      count(*) filter (
        where t.embedding_migration_status = 'completed' and t.embedding_v2 is null
      ) as untrue,
      count(*) filter (
        where t.embedding_migration_status in ('pending', 'failed') and t.embedding_v2 is not null
      ) as stale,
      count(*) filter (
        -- An array is slow to read, and looked at only where there is no direction.
        where case when mivaa.cosine_distance(t.embedding, t.embedding) = 'NaN'
            then 0 = all (t.embedding::real[]) end
          or case when mivaa.cosine_distance(t.embedding_v2, t.embedding_v2) = 'NaN'
            then 0 = all (t.embedding_v2::real[]) end
      ) as zero
    from public.documents t
    where workspace_id_param is null or t.workspace_id = workspace_id_param
  ) d
  cross join (
    select
      count(*) filter (
        where t.embedding is null
          and t.embedding_v2 is null
          and t.embedding_migration_status is distinct from 'skipped'
      ) as missing,
      count(*) filter (
        where t.embedding_migration_status = 'completed' and t.embedding_v2 is null
      ) as untrue,
      count(*) filter (
        where t.embedding_migration_status in ('pending', 'failed') and t.embedding_v2 is not null
      ) as stale,
      count(*) filter (
        -- An array is slow to read, and looked at only where there is no direction.
        where case when mivaa.cosine_distance(t.embedding, t.embedding) = 'NaN'
            then 0 = all (t.embedding::real[]) end
          or case when mivaa.cosine_distance(t.embedding_v2, t.embedding_v2) = 'NaN'
            then 0 = all (t.embedding_v2::real[]) end
      ) as zero
    from public.document_chunks t
    where workspace_id_param is null or t.workspace_id = workspace_id_param
  ) c
  cross join lateral (
    values
      (
        'missing_embeddings', 'WARN', d.missing,
        'active or published documents without any embedding',
        'Search cannot find them: embed them.'
      ),
      (
        'missing_chunk_embeddings', 'WARN', c.missing, 'chunks without any embedding',
        'Search cannot find them: embed them.'
      ),
      (
        'wrong_embedding_status', 'FAIL', d.untrue + c.untrue,
        'documents and chunks that are recorded as completed, without the embedding',
        'Set embedding_migration_status to pending.'
      ),
      (
        'stale_embeddings', 'WARN', d.stale + c.stale,
        'documents and chunks whose text has changed since they were embedded',
        'Search finds them by what they said before: embed them again.'
      ),
      (
        'zero_vectors', 'FAIL', d.zero + c.zero, 'documents and chunks with an embedding of zeros',
        'Search cannot find them: embed them again.'
      )
  ) f;
end
$function$;
