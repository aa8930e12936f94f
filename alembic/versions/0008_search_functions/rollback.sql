-- Running downgrade 0008 -> 0007

update public.migration_tracking set status = 'running', completed_at = null
where migration_name = 'mivaa_integration' and phase = 'embedding_standardization';

drop function if exists public.get_embedding_migration_progress();

drop function if exists public.search_document_chunks_hybrid(query_embedding vector(768), query_embedding_legacy vector(1536), workspace_id_param uuid, match_threshold double precision, match_count integer, document_ids uuid[], query_model text);

drop function if exists mivaa.search_chunks_mixed(query_embedding vector, query_embedding_legacy vector, workspace_id_param uuid, match_threshold double precision, match_count integer, document_ids uuid[], query_model text);

drop function if exists mivaa.search_chunks_legacy(query_embedding_legacy vector, workspace_id_param uuid, match_threshold double precision, match_count integer, document_ids uuid[], unmigrated_only boolean);

drop function if exists public.search_documents_hybrid(query_embedding vector(768), query_embedding_legacy vector(1536), workspace_id_param uuid, match_threshold double precision, match_count integer, query_model text);

drop function if exists mivaa.search_documents_mixed(query_embedding vector, query_embedding_legacy vector, workspace_id_param uuid, match_threshold double precision, match_count integer, query_model text);

drop function if exists mivaa.search_documents_legacy(query_embedding_legacy vector, workspace_id_param uuid, match_threshold double precision, match_count integer, unmigrated_only boolean);

drop function if exists mivaa.validate_query_vector(query_embedding vector, query_embedding_legacy vector, match_threshold double precision, match_count integer);

drop function if exists mivaa.unit_vector(embedding vector);

drop function if exists mivaa.max_inner_product(embedding vector, query vector);

drop function if exists mivaa.l1_distance(embedding vector, query vector);

drop function if exists mivaa.l2_distance(embedding vector, query vector);

drop function if exists mivaa.half_cosine_distance(embedding vector, query vector);

drop function if exists mivaa.cosine_distance(embedding vector, query vector);

UPDATE mivaa.alembic_version SET version_num='0007' WHERE mivaa.alembic_version.version_num = '0008';
