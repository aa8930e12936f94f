comment on function mivaa.keep_updated_at() is
  'Trigger: writing an embedding alone is no edit, so updated_at stays.';
comment on function mivaa.reset_embedding_status() is
  'Trigger: a row whose content changed waits for a new embedding.';
comment on function mivaa.complete_embedding_status() is
  'Trigger: a row that is written with its embedding is completed.';
comment on trigger zz_mivaa_embedding_completed on public.document_chunks is
  'A row that is written with its embedding is completed.';
comment on trigger zz_mivaa_embedding_reset on public.document_chunks is
  'Changed content waits for a new embedding.';
comment on trigger zz_mivaa_embedding_completed on public.documents is
  'A row that is written with its embedding is completed.';
comment on trigger zz_mivaa_embedding_reset on public.documents is
  'Changed content waits for a new embedding.';
comment on trigger zz_mivaa_updated_at_kept on public.document_chunks is
  'Writing an embedding alone is no edit.';
comment on trigger zz_mivaa_updated_at_kept on public.documents is
  'Writing an embedding alone is no edit.';
