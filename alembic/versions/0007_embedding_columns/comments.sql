comment on function mivaa.touch_updated_at_of_text() is
  'Trigger: keeps updated_at; writing an embedding alone is no edit.';
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
