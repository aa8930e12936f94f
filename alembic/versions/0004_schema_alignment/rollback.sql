-- Running downgrade 0004 -> 0003

select mivaa.lock_tables('access exclusive', 'public.workspaces', 'public.workspace_members', 'public.documents', 'public.document_chunks', 'public.pdf_documents', 'public.processed_documents');

update public.migration_tracking set status = 'rolled_back', completed_at = null
where migration_name = 'mivaa_integration' and phase = 'schema_alignment';

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.processed_documents.processed_documents_workspace_id_check') then
    alter table public.processed_documents drop constraint if exists processed_documents_workspace_id_check;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.processed_documents.processed_documents_workspace_id_check';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.pdf_documents.pdf_documents_workspace_id_check') then
    alter table public.pdf_documents drop constraint if exists pdf_documents_workspace_id_check;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.pdf_documents.pdf_documents_workspace_id_check';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.document_chunks.document_chunks_workspace_id_check') then
    alter table public.document_chunks drop constraint if exists document_chunks_workspace_id_check;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.document_chunks.document_chunks_workspace_id_check';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.documents.documents_workspace_id_check') then
    alter table public.documents drop constraint if exists documents_workspace_id_check;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.documents.documents_workspace_id_check';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.processed_documents.processed_documents_status_check') then
    alter table public.processed_documents drop constraint if exists processed_documents_status_check;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.processed_documents.processed_documents_status_check';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.pdf_documents.pdf_documents_status_check') then
    alter table public.pdf_documents drop constraint if exists pdf_documents_status_check;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.pdf_documents.pdf_documents_status_check';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.documents.documents_status_check') then
    alter table public.documents drop constraint if exists documents_status_check;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.documents.documents_status_check';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.workspace_members.workspace_members_status_check') then
    alter table public.workspace_members drop constraint if exists workspace_members_status_check;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.workspace_members.workspace_members_status_check';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.workspace_members.workspace_members_role_check') then
    alter table public.workspace_members drop constraint if exists workspace_members_role_check;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.workspace_members.workspace_members_role_check';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.processed_documents.processed_documents_workspace_id_document_id_fkey') then
    alter table public.processed_documents drop constraint if exists processed_documents_workspace_id_document_id_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.processed_documents.processed_documents_workspace_id_document_id_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.processed_documents.processed_documents_workspace_id_pdf_document_id_fkey') then
    alter table public.processed_documents drop constraint if exists processed_documents_workspace_id_pdf_document_id_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.processed_documents.processed_documents_workspace_id_pdf_document_id_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.document_chunks.document_chunks_workspace_id_document_id_fkey') then
    alter table public.document_chunks drop constraint if exists document_chunks_workspace_id_document_id_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.document_chunks.document_chunks_workspace_id_document_id_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.processed_documents.processed_documents_user_id_fkey') then
    alter table public.processed_documents drop constraint if exists processed_documents_user_id_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.processed_documents.processed_documents_user_id_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.pdf_documents.pdf_documents_user_id_fkey') then
    alter table public.pdf_documents drop constraint if exists pdf_documents_user_id_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.pdf_documents.pdf_documents_user_id_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.documents.documents_user_id_fkey') then
    alter table public.documents drop constraint if exists documents_user_id_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.documents.documents_user_id_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.processed_documents.processed_documents_workspace_id_fkey') then
    alter table public.processed_documents drop constraint if exists processed_documents_workspace_id_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.processed_documents.processed_documents_workspace_id_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.pdf_documents.pdf_documents_workspace_id_fkey') then
    alter table public.pdf_documents drop constraint if exists pdf_documents_workspace_id_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.pdf_documents.pdf_documents_workspace_id_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.document_chunks.document_chunks_workspace_id_fkey') then
    alter table public.document_chunks drop constraint if exists document_chunks_workspace_id_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.document_chunks.document_chunks_workspace_id_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.documents.documents_workspace_id_fkey') then
    alter table public.documents drop constraint if exists documents_workspace_id_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.documents.documents_workspace_id_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.workspace_members.workspace_members_user_id_fkey') then
    alter table public.workspace_members drop constraint if exists workspace_members_user_id_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.workspace_members.workspace_members_user_id_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.workspace_members.workspace_members_workspace_id_fkey') then
    alter table public.workspace_members drop constraint if exists workspace_members_workspace_id_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.workspace_members.workspace_members_workspace_id_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.workspaces.workspaces_created_by_fkey') then
    alter table public.workspaces drop constraint if exists workspaces_created_by_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.workspaces.workspaces_created_by_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.workspace_members_workspace_id_user_id_key') then
    drop index if exists public.workspace_members_workspace_id_user_id_key;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.workspace_members_workspace_id_user_id_key';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.processed_documents_workspace_id_id_key') then
    drop index if exists public.processed_documents_workspace_id_id_key;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.processed_documents_workspace_id_id_key';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.pdf_documents_workspace_id_id_key') then
    drop index if exists public.pdf_documents_workspace_id_id_key;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.pdf_documents_workspace_id_id_key';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.document_chunks_workspace_id_id_key') then
    drop index if exists public.document_chunks_workspace_id_id_key;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.document_chunks_workspace_id_id_key';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.documents_workspace_id_id_key') then
    drop index if exists public.documents_workspace_id_id_key;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.documents_workspace_id_id_key';
  end if;
end
$mivaa$;

drop trigger if exists zz_mivaa_updated_at on public.processed_documents;

drop trigger if exists zz_mivaa_updated_at on public.pdf_documents;

drop trigger if exists zz_mivaa_updated_at on public.document_chunks;

drop trigger if exists zz_mivaa_updated_at on public.documents;

drop trigger if exists zz_mivaa_updated_at on public.workspace_members;

drop trigger if exists zz_mivaa_updated_at on public.workspaces;

drop trigger if exists zz_mivaa_row_owner on public.processed_documents;

drop trigger if exists zz_mivaa_workspace_required on public.processed_documents;

drop trigger if exists zz_mivaa_row_owner on public.pdf_documents;

drop trigger if exists zz_mivaa_workspace_required on public.pdf_documents;

drop trigger if exists zz_mivaa_workspace on public.document_chunks;

drop trigger if exists zz_mivaa_row_owner on public.documents;

drop trigger if exists zz_mivaa_workspace_required on public.documents;

drop function if exists mivaa.check_row_owner();

drop function if exists mivaa.fill_chunk_workspace();

drop function if exists mivaa.require_workspace();

drop function if exists mivaa.touch_updated_at();

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'table' and object_name = 'public.processed_documents') then
    drop table public.processed_documents;
    delete from mivaa.ledger where kind = 'table' and object_name = 'public.processed_documents';
  else
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.updated_at') then
      alter table public.processed_documents drop column updated_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.updated_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.created_at') then
      alter table public.processed_documents drop column created_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.created_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.metadata') then
      alter table public.processed_documents drop column metadata;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.metadata';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.error_message') then
      alter table public.processed_documents drop column error_message;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.error_message';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.status') then
      alter table public.processed_documents drop column status;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.status';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.processing_completed_at') then
      alter table public.processed_documents drop column processing_completed_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.processing_completed_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.processing_started_at') then
      alter table public.processed_documents drop column processing_started_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.processing_started_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.markdown') then
      alter table public.processed_documents drop column markdown;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.markdown';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.content') then
      alter table public.processed_documents drop column content;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.content';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.document_id') then
      alter table public.processed_documents drop column document_id;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.document_id';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.pdf_document_id') then
      alter table public.processed_documents drop column pdf_document_id;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.pdf_document_id';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.user_id') then
      alter table public.processed_documents drop column user_id;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.user_id';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.workspace_id') then
      alter table public.processed_documents drop column workspace_id;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.processed_documents.workspace_id';
    end if;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'table' and object_name = 'public.pdf_documents') then
    drop table public.pdf_documents;
    delete from mivaa.ledger where kind = 'table' and object_name = 'public.pdf_documents';
  else
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.updated_at') then
      alter table public.pdf_documents drop column updated_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.updated_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.created_at') then
      alter table public.pdf_documents drop column created_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.created_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.metadata') then
      alter table public.pdf_documents drop column metadata;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.metadata';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.error_message') then
      alter table public.pdf_documents drop column error_message;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.error_message';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.status') then
      alter table public.pdf_documents drop column status;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.status';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.file_size') then
      alter table public.pdf_documents drop column file_size;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.file_size';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.page_count') then
      alter table public.pdf_documents drop column page_count;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.page_count';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.content_hash') then
      alter table public.pdf_documents drop column content_hash;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.content_hash';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.storage_path') then
      alter table public.pdf_documents drop column storage_path;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.storage_path';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.filename') then
      alter table public.pdf_documents drop column filename;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.filename';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.user_id') then
      alter table public.pdf_documents drop column user_id;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.user_id';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.workspace_id') then
      alter table public.pdf_documents drop column workspace_id;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.pdf_documents.workspace_id';
    end if;
  end if;
end
$mivaa$;

UPDATE mivaa.alembic_version SET version_num='0003' WHERE mivaa.alembic_version.version_num = '0004';
