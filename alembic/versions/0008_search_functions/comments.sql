comment on function mivaa.cosine_distance(vector, vector) is
  'Cosine distance of two vectors, under every search path.';
comment on function mivaa.half_cosine_distance(vector, vector) is
  'Cosine distance in half precision, as the index of chunks holds it.';
comment on function mivaa.l2_distance(vector, vector) is
  'Euclidean distance of two vectors, under every search path.';
comment on function mivaa.l1_distance(vector, vector) is
  'Taxicab distance of two vectors, under every search path.';
comment on function mivaa.max_inner_product(vector, vector) is
  'Negative inner product of two vectors, under every search path.';
comment on function mivaa.unit_vector(vector) is
  'The vector of length 1 with the same direction.';
comment on function mivaa.validate_query_vector(vector, vector, double precision, integer) is
  'The query vector of a search at length 1; an error where the search can have no answer.';
comment on function mivaa.search_documents_legacy(
  vector, uuid, double precision, integer, boolean
) is 'Documents nearest in the legacy space: all, or those without a new embedding.';
comment on function mivaa.search_documents_mixed(
  vector, vector, uuid, double precision, integer, text
) is 'One list of the documents with a new embedding and of those that wait for one.';
comment on function public.search_documents_hybrid(
  vector, vector, uuid, double precision, integer, text
) is 'The documents of a workspace that are nearest to a query, by new or legacy embedding.';
comment on function mivaa.search_chunks_legacy(
  vector, uuid, double precision, integer, uuid[], boolean
) is 'Chunks nearest in the legacy space: all, or those without a new embedding.';
comment on function mivaa.search_chunks_mixed(
  vector, vector, uuid, double precision, integer, uuid[], text
) is 'One list of the chunks with a new embedding and of those that wait for one.';
comment on function public.search_document_chunks_hybrid(
  vector, vector, uuid, double precision, integer, uuid[], text
) is 'The chunks of a workspace that are nearest to a query, by new or legacy embedding.';
comment on function public.get_embedding_migration_progress() is
  'How many rows have their new embedding: in the own workspace, or everywhere for the owner.';
