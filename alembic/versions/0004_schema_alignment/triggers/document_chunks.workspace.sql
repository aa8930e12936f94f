create trigger zz_mivaa_workspace before insert or update of workspace_id, document_id
on public.document_chunks
for each row execute function mivaa.fill_chunk_workspace();
