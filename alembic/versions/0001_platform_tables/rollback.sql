-- Running downgrade 0001 -> 

select mivaa.lock_tables('access exclusive', 'public.workspaces', 'public.workspace_members', 'public.documents', 'public.document_chunks');

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'table' and object_name = 'public.document_chunks') then
    drop table public.document_chunks;
    delete from mivaa.ledger where kind = 'table' and object_name = 'public.document_chunks';
  else
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.updated_at') then
      alter table public.document_chunks drop column updated_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.updated_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.created_at') then
      alter table public.document_chunks drop column created_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.created_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.embedding') then
      alter table public.document_chunks drop column embedding;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.embedding';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.metadata') then
      alter table public.document_chunks drop column metadata;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.metadata';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.token_count') then
      alter table public.document_chunks drop column token_count;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.token_count';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.page_number') then
      alter table public.document_chunks drop column page_number;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.page_number';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.content') then
      alter table public.document_chunks drop column content;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.content';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.chunk_index') then
      alter table public.document_chunks drop column chunk_index;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.chunk_index';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.document_id') then
      alter table public.document_chunks drop column document_id;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.document_id';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.workspace_id') then
      alter table public.document_chunks drop column workspace_id;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.document_chunks.workspace_id';
    end if;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'table' and object_name = 'public.documents') then
    drop table public.documents;
    delete from mivaa.ledger where kind = 'table' and object_name = 'public.documents';
  else
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.documents.updated_at') then
      alter table public.documents drop column updated_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.documents.updated_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.documents.created_at') then
      alter table public.documents drop column created_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.documents.created_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.documents.embedding') then
      alter table public.documents drop column embedding;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.documents.embedding';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.documents.metadata') then
      alter table public.documents drop column metadata;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.documents.metadata';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.documents.status') then
      alter table public.documents drop column status;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.documents.status';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.documents.content') then
      alter table public.documents drop column content;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.documents.content';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.documents.title') then
      alter table public.documents drop column title;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.documents.title';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.documents.user_id') then
      alter table public.documents drop column user_id;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.documents.user_id';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.documents.workspace_id') then
      alter table public.documents drop column workspace_id;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.documents.workspace_id';
    end if;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'table' and object_name = 'public.workspace_members') then
    drop table public.workspace_members;
    delete from mivaa.ledger where kind = 'table' and object_name = 'public.workspace_members';
  else
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.workspace_members.updated_at') then
      alter table public.workspace_members drop column updated_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.workspace_members.updated_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.workspace_members.created_at') then
      alter table public.workspace_members drop column created_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.workspace_members.created_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.workspace_members.status') then
      alter table public.workspace_members drop column status;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.workspace_members.status';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.workspace_members.role') then
      alter table public.workspace_members drop column role;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.workspace_members.role';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.workspace_members.user_id') then
      alter table public.workspace_members drop column user_id;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.workspace_members.user_id';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.workspace_members.workspace_id') then
      alter table public.workspace_members drop column workspace_id;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.workspace_members.workspace_id';
    end if;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'table' and object_name = 'public.workspaces') then
    drop table public.workspaces;
    delete from mivaa.ledger where kind = 'table' and object_name = 'public.workspaces';
  else
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.workspaces.updated_at') then
      alter table public.workspaces drop column updated_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.workspaces.updated_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.workspaces.created_at') then
      alter table public.workspaces drop column created_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.workspaces.created_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.workspaces.settings') then
      alter table public.workspaces drop column settings;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.workspaces.settings';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.workspaces.created_by') then
      alter table public.workspaces drop column created_by;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.workspaces.created_by';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.workspaces.name') then
      alter table public.workspaces drop column name;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.workspaces.name';
    end if;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'extension' and object_name = 'vector') then
    begin
      drop extension vector;
    exception when dependent_objects_still_exist then
      raise warning 'extension vector stays: others use it';
    end;
    delete from mivaa.ledger where kind = 'extension' and object_name = 'vector';
  end if;
end
$mivaa$;

drop function if exists mivaa.lock_tables(lock_mode text, variadic table_names text[]);

drop table mivaa.ledger;

DELETE FROM mivaa.alembic_version WHERE mivaa.alembic_version.version_num = '0001';
