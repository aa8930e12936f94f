-- Running downgrade 0009 -> 0008

select mivaa.lock_tables('access exclusive', 'public.documents', 'public.document_chunks');

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_documents_user_created') then
    drop index if exists public.idx_documents_user_created;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_documents_user_created';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_documents_workspace_updated') then
    drop index if exists public.idx_documents_workspace_updated;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_documents_workspace_updated';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.idx_documents_workspace_created') then
    drop index if exists public.idx_documents_workspace_created;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.idx_documents_workspace_created';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'option' and object_name = 'public.document_chunks.autovacuum_analyze_scale_factor') then
    alter table public.document_chunks reset (autovacuum_analyze_scale_factor);
    delete from mivaa.ledger where kind = 'option' and object_name = 'public.document_chunks.autovacuum_analyze_scale_factor';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'option' and object_name = 'public.documents.autovacuum_analyze_scale_factor') then
    alter table public.documents reset (autovacuum_analyze_scale_factor);
    delete from mivaa.ledger where kind = 'option' and object_name = 'public.documents.autovacuum_analyze_scale_factor';
  end if;
end
$mivaa$;

update public.migration_tracking set status = 'rolled_back', completed_at = null
where migration_name = 'mivaa_integration' and phase = 'performance_optimization';

UPDATE mivaa.alembic_version SET version_num='0008' WHERE mivaa.alembic_version.version_num = '0009';
