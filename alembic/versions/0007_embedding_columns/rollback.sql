-- Running downgrade 0007 -> 0006

select mivaa.lock_tables('access exclusive', 'public.documents', 'public.document_chunks');

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_document_chunks_embedding_v2_cosine') then
    drop index if exists public.idx_document_chunks_embedding_v2_cosine;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_document_chunks_embedding_v2_cosine';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_documents_embedding_v2_cosine') then
    drop index if exists public.idx_documents_embedding_v2_cosine;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_documents_embedding_v2_cosine';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.document_chunks.document_chunks_embedding_migration_status_check') then
    alter table public.document_chunks drop constraint if exists document_chunks_embedding_migration_status_check;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.document_chunks.document_chunks_embedding_migration_status_check';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.documents.documents_embedding_migration_status_check') then
    alter table public.documents drop constraint if exists documents_embedding_migration_status_check;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.documents.documents_embedding_migration_status_check';
  end if;
end
$mivaa$;

drop trigger if exists zz_mivaa_updated_at_kept on public.document_chunks;

drop trigger if exists zz_mivaa_embedding_completed on public.document_chunks;

drop trigger if exists zz_mivaa_embedding_reset on public.document_chunks;

drop trigger if exists zz_mivaa_updated_at_kept on public.documents;

drop trigger if exists zz_mivaa_embedding_completed on public.documents;

drop trigger if exists zz_mivaa_embedding_reset on public.documents;

drop function if exists mivaa.complete_embedding_status();

drop function if exists mivaa.reset_embedding_status();

drop function if exists mivaa.keep_updated_at();

do $mivaa$
declare
  v_storage text;
begin
  delete from mivaa.ledger where kind = 'storage' and object_name = 'public.document_chunks.embedding_v2'
  returning case former when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main'
    else 'extended' end into v_storage;
  if found then
    execute 'alter table public.document_chunks alter column embedding_v2 set storage ' || v_storage;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.embedding_migrated_at') then
    alter table public.document_chunks drop column embedding_migrated_at;
    delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.embedding_migrated_at';
  end if;
  if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.embedding_migration_status') then
    alter table public.document_chunks drop column embedding_migration_status;
    delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.embedding_migration_status';
  end if;
  if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.embedding_model') then
    alter table public.document_chunks drop column embedding_model;
    delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.embedding_model';
  end if;
  if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.embedding_v2') then
    alter table public.document_chunks drop column embedding_v2;
    delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.embedding_v2';
  end if;
end
$mivaa$;

do $mivaa$
declare
  v_storage text;
begin
  delete from mivaa.ledger where kind = 'storage' and object_name = 'public.documents.embedding_v2'
  returning case former when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main'
    else 'extended' end into v_storage;
  if found then
    execute 'alter table public.documents alter column embedding_v2 set storage ' || v_storage;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.documents.embedding_migrated_at') then
    alter table public.documents drop column embedding_migrated_at;
    delete from mivaa.ledger where kind = 'column' and object_name = 'public.documents.embedding_migrated_at';
  end if;
  if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.documents.embedding_migration_status') then
    alter table public.documents drop column embedding_migration_status;
    delete from mivaa.ledger where kind = 'column' and object_name = 'public.documents.embedding_migration_status';
  end if;
  if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.documents.embedding_model') then
    alter table public.documents drop column embedding_model;
    delete from mivaa.ledger where kind = 'column' and object_name = 'public.documents.embedding_model';
  end if;
  if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.documents.embedding_v2') then
    alter table public.documents drop column embedding_v2;
    delete from mivaa.ledger where kind = 'column' and object_name = 'public.documents.embedding_v2';
  end if;
end
$mivaa$;

update public.migration_tracking set status = 'rolled_back', completed_at = null
where migration_name = 'mivaa_integration' and phase = 'embedding_standardization';

UPDATE mivaa.alembic_version SET version_num='0006' WHERE mivaa.alembic_version.version_num = '0007';
