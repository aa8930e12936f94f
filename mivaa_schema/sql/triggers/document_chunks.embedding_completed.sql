create trigger zz_mivaa_embedding_completed before insert or update of embedding_v2 on public.document_chunks
for each row when (new.embedding_v2 is not null or new.embedding_migration_status = 'completed')
execute function mivaa.complete_embedding_status();
