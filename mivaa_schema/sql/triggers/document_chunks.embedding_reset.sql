create trigger zz_mivaa_embedding_reset before update of content on public.document_chunks
for each row when (old.content is distinct from new.content)
execute function mivaa.reset_embedding_status();
