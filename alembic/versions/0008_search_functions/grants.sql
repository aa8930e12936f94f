grant execute on function mivaa.cosine_distance(vector, vector) to authenticated, service_role;
grant execute on function mivaa.half_cosine_distance(vector, vector) to authenticated, service_role;
grant execute on function mivaa.l2_distance(vector, vector) to authenticated, service_role;
grant execute on function mivaa.l1_distance(vector, vector) to authenticated, service_role;
grant execute on function mivaa.max_inner_product(vector, vector) to authenticated, service_role;
grant execute on function mivaa.unit_vector(vector) to authenticated, service_role;
grant execute on function mivaa.validate_query_vector(vector, vector, double precision, integer)
  to authenticated, service_role;
grant execute on function mivaa.search_documents_legacy(
  vector, uuid, double precision, integer, boolean
) to authenticated, service_role;
grant execute on function mivaa.search_documents_mixed(
  vector, vector, uuid, double precision, integer, text
) to authenticated, service_role;
grant execute on function public.search_documents_hybrid(
  vector, vector, uuid, double precision, integer, text
) to authenticated, service_role;
grant execute on function mivaa.search_chunks_legacy(
  vector, uuid, double precision, integer, uuid[], boolean
) to authenticated, service_role;
grant execute on function mivaa.search_chunks_mixed(
  vector, vector, uuid, double precision, integer, uuid[], text
) to authenticated, service_role;
grant execute on function public.search_document_chunks_hybrid(
  vector, vector, uuid, double precision, integer, uuid[], text
) to authenticated, service_role;
grant execute on function public.get_embedding_migration_progress()
  to authenticated, service_role;
