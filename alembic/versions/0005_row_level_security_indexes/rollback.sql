-- Running downgrade 0005 -> 0004

select mivaa.lock_tables('access exclusive', 'public.workspaces', 'public.workspace_members', 'public.document_chunks', 'public.pdf_documents', 'public.processed_documents');

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_processed_documents_document_id') then
    drop index if exists public.idx_processed_documents_document_id;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_processed_documents_document_id';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_processed_documents_pdf_document_id') then
    drop index if exists public.idx_processed_documents_pdf_document_id;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_processed_documents_pdf_document_id';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_processed_documents_user_id') then
    drop index if exists public.idx_processed_documents_user_id;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_processed_documents_user_id';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_processed_documents_workspace_user') then
    drop index if exists public.idx_processed_documents_workspace_user;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_processed_documents_workspace_user';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_pdf_documents_user_id') then
    drop index if exists public.idx_pdf_documents_user_id;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_pdf_documents_user_id';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_pdf_documents_workspace_user') then
    drop index if exists public.idx_pdf_documents_workspace_user;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_pdf_documents_workspace_user';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_document_chunks_document_id') then
    drop index if exists public.idx_document_chunks_document_id;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_document_chunks_document_id';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_workspaces_created_by') then
    drop index if exists public.idx_workspaces_created_by;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_workspaces_created_by';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_workspace_members_jwt_lookup') then
    drop index if exists public.idx_workspace_members_jwt_lookup;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_workspace_members_jwt_lookup';
  end if;
end
$mivaa$;

update public.migration_tracking set status = 'rolled_back', completed_at = null
where migration_name = 'mivaa_integration' and phase = 'rls_policies';

UPDATE mivaa.alembic_version SET version_num='0004' WHERE mivaa.alembic_version.version_num = '0005';
