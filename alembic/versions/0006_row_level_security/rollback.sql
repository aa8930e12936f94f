-- Running downgrade 0006 -> 0005

select mivaa.lock_tables('access exclusive', 'public.workspaces', 'public.workspace_members', 'public.documents', 'public.document_chunks', 'public.pdf_documents', 'public.processed_documents');

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'rules' and object_name = 'public.processed_documents') then
    drop policy processed_documents_access on public.processed_documents;
    drop policy processed_documents_select on public.processed_documents;
    drop policy processed_documents_insert on public.processed_documents;
    drop policy processed_documents_update on public.processed_documents;
    drop policy processed_documents_delete on public.processed_documents;
    revoke all on public.processed_documents from public, anon, authenticated, service_role;
    delete from mivaa.ledger where kind = 'rules' and object_name = 'public.processed_documents';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'row_security' and object_name = 'public.processed_documents') then
    alter table public.processed_documents disable row level security;
    delete from mivaa.ledger where kind = 'row_security' and object_name = 'public.processed_documents';
  end if;
end
$mivaa$;

do $mivaa$
declare
  v_table constant regclass := to_regclass('public.processed_documents');
  v_former jsonb;
  v_grant record;
begin
  delete from mivaa.ledger where kind = 'acl' and object_name = 'public.processed_documents' returning former::jsonb into v_former;
  if found and v_table is not null then
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee from (
        select 0 as grantee
        union select grantee from (
          select relacl as acl from pg_catalog.pg_class where oid = v_table
          union all select attacl from pg_catalog.pg_attribute where attrelid = v_table
        ) s, aclexplode(acl)
      ) g
    loop
      execute format('revoke all on %s from %s', v_table, v_grant.grantee);
    end loop;
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee, string_agg(
          privilege_type || coalesce(' (' || quote_ident(attname) || ')', ''), ', ') as privileges,
        case when is_grantable then ' with grant option' else '' end as options
      from (
        select null as attname, coalesce((v_former ->> 'relation')::aclitem[],
          (select acldefault('r', relowner) from pg_catalog.pg_class where oid = v_table)) as acl
        union all select key, value::aclitem[]
        from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{}'))
      ) s, unnest(acl) with ordinality i (entry, position), aclexplode(array[entry]) e
      group by attname, position, e.grantee, is_grantable
      order by attname nulls first, position, is_grantable
    loop
      execute format('grant %s on %s to %s%s', v_grant.privileges, v_table, v_grant.grantee,
        v_grant.options);
    end loop;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'rules' and object_name = 'public.pdf_documents') then
    drop policy pdf_documents_access on public.pdf_documents;
    drop policy pdf_documents_select on public.pdf_documents;
    drop policy pdf_documents_insert on public.pdf_documents;
    drop policy pdf_documents_update on public.pdf_documents;
    drop policy pdf_documents_delete on public.pdf_documents;
    revoke all on public.pdf_documents from public, anon, authenticated, service_role;
    delete from mivaa.ledger where kind = 'rules' and object_name = 'public.pdf_documents';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'row_security' and object_name = 'public.pdf_documents') then
    alter table public.pdf_documents disable row level security;
    delete from mivaa.ledger where kind = 'row_security' and object_name = 'public.pdf_documents';
  end if;
end
$mivaa$;

do $mivaa$
declare
  v_table constant regclass := to_regclass('public.pdf_documents');
  v_former jsonb;
  v_grant record;
begin
  delete from mivaa.ledger where kind = 'acl' and object_name = 'public.pdf_documents' returning former::jsonb into v_former;
  if found and v_table is not null then
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee from (
        select 0 as grantee
        union select grantee from (
          select relacl as acl from pg_catalog.pg_class where oid = v_table
          union all select attacl from pg_catalog.pg_attribute where attrelid = v_table
        ) s, aclexplode(acl)
      ) g
    loop
      execute format('revoke all on %s from %s', v_table, v_grant.grantee);
    end loop;
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee, string_agg(
          privilege_type || coalesce(' (' || quote_ident(attname) || ')', ''), ', ') as privileges,
        case when is_grantable then ' with grant option' else '' end as options
      from (
        select null as attname, coalesce((v_former ->> 'relation')::aclitem[],
          (select acldefault('r', relowner) from pg_catalog.pg_class where oid = v_table)) as acl
        union all select key, value::aclitem[]
        from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{}'))
      ) s, unnest(acl) with ordinality i (entry, position), aclexplode(array[entry]) e
      group by attname, position, e.grantee, is_grantable
      order by attname nulls first, position, is_grantable
    loop
      execute format('grant %s on %s to %s%s', v_grant.privileges, v_table, v_grant.grantee,
        v_grant.options);
    end loop;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'rules' and object_name = 'public.document_chunks') then
    drop policy document_chunks_access on public.document_chunks;
    drop policy document_chunks_select on public.document_chunks;
    drop policy document_chunks_insert on public.document_chunks;
    drop policy document_chunks_update on public.document_chunks;
    drop policy document_chunks_delete on public.document_chunks;
    revoke all on public.document_chunks from public, anon, authenticated, service_role;
    delete from mivaa.ledger where kind = 'rules' and object_name = 'public.document_chunks';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'row_security' and object_name = 'public.document_chunks') then
    alter table public.document_chunks disable row level security;
    delete from mivaa.ledger where kind = 'row_security' and object_name = 'public.document_chunks';
  end if;
end
$mivaa$;

do $mivaa$
declare
  v_table constant regclass := to_regclass('public.document_chunks');
  v_former jsonb;
  v_grant record;
begin
  delete from mivaa.ledger where kind = 'acl' and object_name = 'public.document_chunks' returning former::jsonb into v_former;
  if found and v_table is not null then
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee from (
        select 0 as grantee
        union select grantee from (
          select relacl as acl from pg_catalog.pg_class where oid = v_table
          union all select attacl from pg_catalog.pg_attribute where attrelid = v_table
        ) s, aclexplode(acl)
      ) g
    loop
      execute format('revoke all on %s from %s', v_table, v_grant.grantee);
    end loop;
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee, string_agg(
          privilege_type || coalesce(' (' || quote_ident(attname) || ')', ''), ', ') as privileges,
        case when is_grantable then ' with grant option' else '' end as options
      from (
        select null as attname, coalesce((v_former ->> 'relation')::aclitem[],
          (select acldefault('r', relowner) from pg_catalog.pg_class where oid = v_table)) as acl
        union all select key, value::aclitem[]
        from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{}'))
      ) s, unnest(acl) with ordinality i (entry, position), aclexplode(array[entry]) e
      group by attname, position, e.grantee, is_grantable
      order by attname nulls first, position, is_grantable
    loop
      execute format('grant %s on %s to %s%s', v_grant.privileges, v_table, v_grant.grantee,
        v_grant.options);
    end loop;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'rules' and object_name = 'public.documents') then
    drop policy documents_access on public.documents;
    drop policy documents_select on public.documents;
    drop policy documents_insert on public.documents;
    drop policy documents_update on public.documents;
    drop policy documents_delete on public.documents;
    revoke all on public.documents from public, anon, authenticated, service_role;
    delete from mivaa.ledger where kind = 'rules' and object_name = 'public.documents';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'row_security' and object_name = 'public.documents') then
    alter table public.documents disable row level security;
    delete from mivaa.ledger where kind = 'row_security' and object_name = 'public.documents';
  end if;
end
$mivaa$;

do $mivaa$
declare
  v_table constant regclass := to_regclass('public.documents');
  v_former jsonb;
  v_grant record;
begin
  delete from mivaa.ledger where kind = 'acl' and object_name = 'public.documents' returning former::jsonb into v_former;
  if found and v_table is not null then
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee from (
        select 0 as grantee
        union select grantee from (
          select relacl as acl from pg_catalog.pg_class where oid = v_table
          union all select attacl from pg_catalog.pg_attribute where attrelid = v_table
        ) s, aclexplode(acl)
      ) g
    loop
      execute format('revoke all on %s from %s', v_table, v_grant.grantee);
    end loop;
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee, string_agg(
          privilege_type || coalesce(' (' || quote_ident(attname) || ')', ''), ', ') as privileges,
        case when is_grantable then ' with grant option' else '' end as options
      from (
        select null as attname, coalesce((v_former ->> 'relation')::aclitem[],
          (select acldefault('r', relowner) from pg_catalog.pg_class where oid = v_table)) as acl
        union all select key, value::aclitem[]
        from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{}'))
      ) s, unnest(acl) with ordinality i (entry, position), aclexplode(array[entry]) e
      group by attname, position, e.grantee, is_grantable
      order by attname nulls first, position, is_grantable
    loop
      execute format('grant %s on %s to %s%s', v_grant.privileges, v_table, v_grant.grantee,
        v_grant.options);
    end loop;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'rules' and object_name = 'public.workspace_members') then
    drop policy workspace_members_access on public.workspace_members;
    drop policy workspace_members_isolation on public.workspace_members;
    drop policy workspace_members_delete on public.workspace_members;
    revoke all on public.workspace_members from public, anon, authenticated, service_role;
    delete from mivaa.ledger where kind = 'rules' and object_name = 'public.workspace_members';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'row_security' and object_name = 'public.workspace_members') then
    alter table public.workspace_members disable row level security;
    delete from mivaa.ledger where kind = 'row_security' and object_name = 'public.workspace_members';
  end if;
end
$mivaa$;

do $mivaa$
declare
  v_table constant regclass := to_regclass('public.workspace_members');
  v_former jsonb;
  v_grant record;
begin
  delete from mivaa.ledger where kind = 'acl' and object_name = 'public.workspace_members' returning former::jsonb into v_former;
  if found and v_table is not null then
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee from (
        select 0 as grantee
        union select grantee from (
          select relacl as acl from pg_catalog.pg_class where oid = v_table
          union all select attacl from pg_catalog.pg_attribute where attrelid = v_table
        ) s, aclexplode(acl)
      ) g
    loop
      execute format('revoke all on %s from %s', v_table, v_grant.grantee);
    end loop;
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee, string_agg(
          privilege_type || coalesce(' (' || quote_ident(attname) || ')', ''), ', ') as privileges,
        case when is_grantable then ' with grant option' else '' end as options
      from (
        select null as attname, coalesce((v_former ->> 'relation')::aclitem[],
          (select acldefault('r', relowner) from pg_catalog.pg_class where oid = v_table)) as acl
        union all select key, value::aclitem[]
        from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{}'))
      ) s, unnest(acl) with ordinality i (entry, position), aclexplode(array[entry]) e
      group by attname, position, e.grantee, is_grantable
      order by attname nulls first, position, is_grantable
    loop
      execute format('grant %s on %s to %s%s', v_grant.privileges, v_table, v_grant.grantee,
        v_grant.options);
    end loop;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'rules' and object_name = 'public.workspaces') then
    drop policy workspaces_access on public.workspaces;
    drop policy workspaces_isolation on public.workspaces;
    drop policy workspaces_delete on public.workspaces;
    revoke all on public.workspaces from public, anon, authenticated, service_role;
    delete from mivaa.ledger where kind = 'rules' and object_name = 'public.workspaces';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'row_security' and object_name = 'public.workspaces') then
    alter table public.workspaces disable row level security;
    delete from mivaa.ledger where kind = 'row_security' and object_name = 'public.workspaces';
  end if;
end
$mivaa$;

do $mivaa$
declare
  v_table constant regclass := to_regclass('public.workspaces');
  v_former jsonb;
  v_grant record;
begin
  delete from mivaa.ledger where kind = 'acl' and object_name = 'public.workspaces' returning former::jsonb into v_former;
  if found and v_table is not null then
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee from (
        select 0 as grantee
        union select grantee from (
          select relacl as acl from pg_catalog.pg_class where oid = v_table
          union all select attacl from pg_catalog.pg_attribute where attrelid = v_table
        ) s, aclexplode(acl)
      ) g
    loop
      execute format('revoke all on %s from %s', v_table, v_grant.grantee);
    end loop;
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee, string_agg(
          privilege_type || coalesce(' (' || quote_ident(attname) || ')', ''), ', ') as privileges,
        case when is_grantable then ' with grant option' else '' end as options
      from (
        select null as attname, coalesce((v_former ->> 'relation')::aclitem[],
          (select acldefault('r', relowner) from pg_catalog.pg_class where oid = v_table)) as acl
        union all select key, value::aclitem[]
        from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{}'))
      ) s, unnest(acl) with ordinality i (entry, position), aclexplode(array[entry]) e
      group by attname, position, e.grantee, is_grantable
      order by attname nulls first, position, is_grantable
    loop
      execute format('grant %s on %s to %s%s', v_grant.privileges, v_table, v_grant.grantee,
        v_grant.options);
    end loop;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'function' and object_name = 'auth.get_workspace_id()') then
    revoke execute on function auth.get_workspace_id() from authenticated, service_role;
  end if;
  if exists (select from mivaa.ledger where kind = 'function' and object_name = 'auth.get_user_role()') then
    revoke execute on function auth.get_user_role() from authenticated, service_role;
  end if;
  if exists (select from mivaa.ledger where kind = 'function' and object_name = 'auth.has_permission(permission_name text)') then
    revoke execute on function auth.has_permission(permission_name text) from authenticated, service_role;
  end if;
end
$mivaa$;

revoke select on public.migration_tracking from service_role;

revoke execute on function mivaa.resolve_workspace(uuid, text) from authenticated, service_role;

revoke execute on function mivaa.is_colleague(uuid) from authenticated, service_role;

revoke execute on function mivaa.active_workspace_ids() from authenticated, service_role;

revoke execute on function mivaa.has_permission(text) from authenticated, service_role;

revoke execute on function mivaa.get_user_role() from authenticated, service_role;

revoke execute on function mivaa.get_workspace_id() from authenticated, service_role;

revoke execute on function mivaa.workspace_for(text) from authenticated, service_role;

revoke execute on function mivaa.user_id() from authenticated, service_role;

revoke execute on function mivaa.uuid_or_null(text) from authenticated, service_role;

revoke execute on function mivaa.json_setting(text) from authenticated, service_role;

revoke usage on schema mivaa from authenticated, service_role;

update public.migration_tracking set status = 'running', completed_at = null
where migration_name = 'mivaa_integration' and phase = 'rls_policies';

UPDATE mivaa.alembic_version SET version_num='0005' WHERE mivaa.alembic_version.version_num = '0006';
