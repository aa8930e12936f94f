create trigger zz_mivaa_workspace_required before insert or update of workspace_id on public.pdf_documents
for each row when (new.workspace_id is null)
execute function mivaa.require_workspace();
