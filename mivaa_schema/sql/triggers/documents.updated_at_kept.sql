create trigger zz_mivaa_updated_at_kept
before update of embedding, embedding_v2, embedding_model, embedding_migration_status,
  embedding_migrated_at
on public.documents
for each row execute function mivaa.keep_updated_at();
