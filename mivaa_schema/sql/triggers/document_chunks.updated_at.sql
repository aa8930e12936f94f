create trigger zz_mivaa_updated_at before update on public.document_chunks
for each row execute function mivaa.touch_updated_at();
