create trigger zz_mivaa_row_owner before update of user_id on public.processed_documents
for each row when (new.user_id is not null and new.user_id is distinct from old.user_id)
execute function mivaa.check_row_owner();
