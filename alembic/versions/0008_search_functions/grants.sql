grant execute on function mivaa.checked_query(vector, vector, double precision, integer)
  to authenticated, service_role;
grant execute on function mivaa.search_documents_legacy(
  vector, uuid, double precision, integer, boolean
) to authenticated, service_role;
grant execute on function mivaa.search_documents_in_both_spaces(
  vector, vector, uuid, double precision, integer, text
) to authenticated, service_role;
grant execute on function public.search_documents_hybrid(
  vector, vector, uuid, double precision, integer, text
) to authenticated, service_role;
grant execute on function mivaa.search_chunks_legacy(
  vector, uuid, double precision, integer, uuid[], boolean
) to authenticated, service_role;
grant execute on function mivaa.search_chunks_in_both_spaces(
  vector, vector, uuid, double precision, integer, uuid[], text
) to authenticated, service_role;
grant execute on function public.search_document_chunks_hybrid(
  vector, vector, uuid, double precision, integer, uuid[], text
) to authenticated, service_role;
grant execute on function public.get_embedding_migration_progress()
  to authenticated, service_role;
