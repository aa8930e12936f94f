-- Running downgrade 0006 -> 0005

select mivaa.lock_tables('access exclusive', 'public.workspaces', 'public.workspace_members', 'public.documents', 'public.document_chunks', 'public.pdf_documents', 'public.processed_documents');

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'rules' and object_name = 'public.processed_documents') then
    drop policy processed_documents_access on public.processed_documents;
    drop policy processed_documents_isolation on public.processed_documents;
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
  v_former jsonb;
  v_grant record;
begin
  select former::jsonb into v_former from mivaa.ledger
  where kind = 'acl' and object_name = 'public.processed_documents';
  if found then
    for v_grant in
      select pg_get_userbyid(a.grantee) as grantee
      from (
        select relacl as acl from pg_catalog.pg_class where oid = 'public.processed_documents'::regclass
        union all
        select attacl from pg_catalog.pg_attribute where attrelid = 'public.processed_documents'::regclass
      ) s, aclexplode(s.acl) a
      where a.grantee <> 0 group by a.grantee
    loop
      execute format('revoke all on public.processed_documents from %I', v_grant.grantee);
    end loop;
    revoke all on public.processed_documents from public;
    for v_grant in
      select a.item, a.grantee, a.is_grantable, string_agg(a.privilege_type, ', ') as privileges
      from (
        select i.item, e.* from unnest(coalesce(
          (v_former ->> 'relation')::aclitem[],
          (select acldefault('r', relowner) from pg_catalog.pg_class
           where oid = 'public.processed_documents'::regclass)
        )) with ordinality i (acl, item), aclexplode(array[i.acl]) e
      ) a group by a.item, a.grantee, a.is_grantable order by a.item, a.is_grantable
    loop
      execute format('grant %s on public.processed_documents to %s%s', v_grant.privileges,
        case v_grant.grantee when 0 then 'public'
          else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
        case when v_grant.is_grantable then ' with grant option' else '' end);
    end loop;
    for v_grant in
      select c.key as attname, i.item, e.grantee, e.is_grantable,
        string_agg(e.privilege_type, ', ') as privileges
      from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{}')) c,
        unnest(c.value::aclitem[]) with ordinality i (acl, item), aclexplode(array[i.acl]) e
      group by c.key, i.item, e.grantee, e.is_grantable order by c.key, i.item, e.is_grantable
    loop
      execute format('grant %s (%I) on public.processed_documents to %s%s',
        replace(v_grant.privileges, ', ', format(' (%I), ', v_grant.attname)), v_grant.attname,
        case v_grant.grantee when 0 then 'public'
          else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
        case when v_grant.is_grantable then ' with grant option' else '' end);
    end loop;
    delete from mivaa.ledger where kind = 'acl' and object_name = 'public.processed_documents';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'rules' and object_name = 'public.pdf_documents') then
    drop policy pdf_documents_access on public.pdf_documents;
    drop policy pdf_documents_isolation on public.pdf_documents;
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
  v_former jsonb;
  v_grant record;
begin
  select former::jsonb into v_former from mivaa.ledger
  where kind = 'acl' and object_name = 'public.pdf_documents';
  if found then
    for v_grant in
      select pg_get_userbyid(a.grantee) as grantee
      from (
        select relacl as acl from pg_catalog.pg_class where oid = 'public.pdf_documents'::regclass
        union all
        select attacl from pg_catalog.pg_attribute where attrelid = 'public.pdf_documents'::regclass
      ) s, aclexplode(s.acl) a
      where a.grantee <> 0 group by a.grantee
    loop
      execute format('revoke all on public.pdf_documents from %I', v_grant.grantee);
    end loop;
    revoke all on public.pdf_documents from public;
    for v_grant in
      select a.item, a.grantee, a.is_grantable, string_agg(a.privilege_type, ', ') as privileges
      from (
        select i.item, e.* from unnest(coalesce(
          (v_former ->> 'relation')::aclitem[],
          (select acldefault('r', relowner) from pg_catalog.pg_class
           where oid = 'public.pdf_documents'::regclass)
        )) with ordinality i (acl, item), aclexplode(array[i.acl]) e
      ) a group by a.item, a.grantee, a.is_grantable order by a.item, a.is_grantable
    loop
      execute format('grant %s on public.pdf_documents to %s%s', v_grant.privileges,
        case v_grant.grantee when 0 then 'public'
          else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
        case when v_grant.is_grantable then ' with grant option' else '' end);
    end loop;
    for v_grant in
      select c.key as attname, i.item, e.grantee, e.is_grantable,
        string_agg(e.privilege_type, ', ') as privileges
      from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{}')) c,
        unnest(c.value::aclitem[]) with ordinality i (acl, item), aclexplode(array[i.acl]) e
      group by c.key, i.item, e.grantee, e.is_grantable order by c.key, i.item, e.is_grantable
    loop
      execute format('grant %s (%I) on public.pdf_documents to %s%s',
        replace(v_grant.privileges, ', ', format(' (%I), ', v_grant.attname)), v_grant.attname,
        case v_grant.grantee when 0 then 'public'
          else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
        case when v_grant.is_grantable then ' with grant option' else '' end);
    end loop;
    delete from mivaa.ledger where kind = 'acl' and object_name = 'public.pdf_documents';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'rules' and object_name = 'public.document_chunks') then
    drop policy document_chunks_access on public.document_chunks;
    drop policy document_chunks_isolation on public.document_chunks;
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
  v_former jsonb;
  v_grant record;
begin
  select former::jsonb into v_former from mivaa.ledger
  where kind = 'acl' and object_name = 'public.document_chunks';
  if found then
    for v_grant in
      select pg_get_userbyid(a.grantee) as grantee
      from (
        select relacl as acl from pg_catalog.pg_class where oid = 'public.document_chunks'::regclass
        union all
        select attacl from pg_catalog.pg_attribute where attrelid = 'public.document_chunks'::regclass
      ) s, aclexplode(s.acl) a
      where a.grantee <> 0 group by a.grantee
    loop
      execute format('revoke all on public.document_chunks from %I', v_grant.grantee);
    end loop;
    revoke all on public.document_chunks from public;
    for v_grant in
      select a.item, a.grantee, a.is_grantable, string_agg(a.privilege_type, ', ') as privileges
      from (
        select i.item, e.* from unnest(coalesce(
          (v_former ->> 'relation')::aclitem[],
          (select acldefault('r', relowner) from pg_catalog.pg_class
           where oid = 'public.document_chunks'::regclass)
        )) with ordinality i (acl, item), aclexplode(array[i.acl]) e
      ) a group by a.item, a.grantee, a.is_grantable order by a.item, a.is_grantable
    loop
      execute format('grant %s on public.document_chunks to %s%s', v_grant.privileges,
        case v_grant.grantee when 0 then 'public'
          else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
        case when v_grant.is_grantable then ' with grant option' else '' end);
    end loop;
    for v_grant in
      select c.key as attname, i.item, e.grantee, e.is_grantable,
        string_agg(e.privilege_type, ', ') as privileges
      from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{}')) c,
        unnest(c.value::aclitem[]) with ordinality i (acl, item), aclexplode(array[i.acl]) e
      group by c.key, i.item, e.grantee, e.is_grantable order by c.key, i.item, e.is_grantable
    loop
      execute format('grant %s (%I) on public.document_chunks to %s%s',
        replace(v_grant.privileges, ', ', format(' (%I), ', v_grant.attname)), v_grant.attname,
        case v_grant.grantee when 0 then 'public'
          else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
        case when v_grant.is_grantable then ' with grant option' else '' end);
    end loop;
    delete from mivaa.ledger where kind = 'acl' and object_name = 'public.document_chunks';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'rules' and object_name = 'public.documents') then
    drop policy documents_access on public.documents;
    drop policy documents_isolation on public.documents;
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
  v_former jsonb;
  v_grant record;
begin
  select former::jsonb into v_former from mivaa.ledger
  where kind = 'acl' and object_name = 'public.documents';
  if found then
    for v_grant in
      select pg_get_userbyid(a.grantee) as grantee
      from (
        select relacl as acl from pg_catalog.pg_class where oid = 'public.documents'::regclass
        union all
        select attacl from pg_catalog.pg_attribute where attrelid = 'public.documents'::regclass
      ) s, aclexplode(s.acl) a
      where a.grantee <> 0 group by a.grantee
    loop
      execute format('revoke all on public.documents from %I', v_grant.grantee);
    end loop;
    revoke all on public.documents from public;
    for v_grant in
      select a.item, a.grantee, a.is_grantable, string_agg(a.privilege_type, ', ') as privileges
      from (
        select i.item, e.* from unnest(coalesce(
          (v_former ->> 'relation')::aclitem[],
          (select acldefault('r', relowner) from pg_catalog.pg_class
           where oid = 'public.documents'::regclass)
        )) with ordinality i (acl, item), aclexplode(array[i.acl]) e
      ) a group by a.item, a.grantee, a.is_grantable order by a.item, a.is_grantable
    loop
      execute format('grant %s on public.documents to %s%s', v_grant.privileges,
        case v_grant.grantee when 0 then 'public'
          else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
        case when v_grant.is_grantable then ' with grant option' else '' end);
    end loop;
    for v_grant in
      select c.key as attname, i.item, e.grantee, e.is_grantable,
        string_agg(e.privilege_type, ', ') as privileges
      from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{}')) c,
        unnest(c.value::aclitem[]) with ordinality i (acl, item), aclexplode(array[i.acl]) e
      group by c.key, i.item, e.grantee, e.is_grantable order by c.key, i.item, e.is_grantable
    loop
      execute format('grant %s (%I) on public.documents to %s%s',
        replace(v_grant.privileges, ', ', format(' (%I), ', v_grant.attname)), v_grant.attname,
        case v_grant.grantee when 0 then 'public'
          else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
        case when v_grant.is_grantable then ' with grant option' else '' end);
    end loop;
    delete from mivaa.ledger where kind = 'acl' and object_name = 'public.documents';
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
  v_former jsonb;
  v_grant record;
begin
  select former::jsonb into v_former from mivaa.ledger
  where kind = 'acl' and object_name = 'public.workspace_members';
  if found then
    for v_grant in
      select pg_get_userbyid(a.grantee) as grantee
      from (
        select relacl as acl from pg_catalog.pg_class where oid = 'public.workspace_members'::regclass
        union all
        select attacl from pg_catalog.pg_attribute where attrelid = 'public.workspace_members'::regclass
      ) s, aclexplode(s.acl) a
      where a.grantee <> 0 group by a.grantee
    loop
      execute format('revoke all on public.workspace_members from %I', v_grant.grantee);
    end loop;
    revoke all on public.workspace_members from public;
    for v_grant in
      select a.item, a.grantee, a.is_grantable, string_agg(a.privilege_type, ', ') as privileges
      from (
        select i.item, e.* from unnest(coalesce(
          (v_former ->> 'relation')::aclitem[],
          (select acldefault('r', relowner) from pg_catalog.pg_class
           where oid = 'public.workspace_members'::regclass)
        )) with ordinality i (acl, item), aclexplode(array[i.acl]) e
      ) a group by a.item, a.grantee, a.is_grantable order by a.item, a.is_grantable
    loop
      execute format('grant %s on public.workspace_members to %s%s', v_grant.privileges,
        case v_grant.grantee when 0 then 'public'
          else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
        case when v_grant.is_grantable then ' with grant option' else '' end);
    end loop;
    for v_grant in
      select c.key as attname, i.item, e.grantee, e.is_grantable,
        string_agg(e.privilege_type, ', ') as privileges
      from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{}')) c,
        unnest(c.value::aclitem[]) with ordinality i (acl, item), aclexplode(array[i.acl]) e
      group by c.key, i.item, e.grantee, e.is_grantable order by c.key, i.item, e.is_grantable
    loop
      execute format('grant %s (%I) on public.workspace_members to %s%s',
        replace(v_grant.privileges, ', ', format(' (%I), ', v_grant.attname)), v_grant.attname,
        case v_grant.grantee when 0 then 'public'
          else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
        case when v_grant.is_grantable then ' with grant option' else '' end);
    end loop;
    delete from mivaa.ledger where kind = 'acl' and object_name = 'public.workspace_members';
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
  v_former jsonb;
  v_grant record;
begin
  select former::jsonb into v_former from mivaa.ledger
  where kind = 'acl' and object_name = 'public.workspaces';
  if found then
    for v_grant in
      select pg_get_userbyid(a.grantee) as grantee
      from (
        select relacl as acl from pg_catalog.pg_class where oid = 'public.workspaces'::regclass
        union all
        select attacl from pg_catalog.pg_attribute where attrelid = 'public.workspaces'::regclass
      ) s, aclexplode(s.acl) a
      where a.grantee <> 0 group by a.grantee
    loop
      execute format('revoke all on public.workspaces from %I', v_grant.grantee);
    end loop;
    revoke all on public.workspaces from public;
    for v_grant in
      select a.item, a.grantee, a.is_grantable, string_agg(a.privilege_type, ', ') as privileges
      from (
        select i.item, e.* from unnest(coalesce(
          (v_former ->> 'relation')::aclitem[],
          (select acldefault('r', relowner) from pg_catalog.pg_class
           where oid = 'public.workspaces'::regclass)
        )) with ordinality i (acl, item), aclexplode(array[i.acl]) e
      ) a group by a.item, a.grantee, a.is_grantable order by a.item, a.is_grantable
    loop
      execute format('grant %s on public.workspaces to %s%s', v_grant.privileges,
        case v_grant.grantee when 0 then 'public'
          else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
        case when v_grant.is_grantable then ' with grant option' else '' end);
    end loop;
    for v_grant in
      select c.key as attname, i.item, e.grantee, e.is_grantable,
        string_agg(e.privilege_type, ', ') as privileges
      from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{}')) c,
        unnest(c.value::aclitem[]) with ordinality i (acl, item), aclexplode(array[i.acl]) e
      group by c.key, i.item, e.grantee, e.is_grantable order by c.key, i.item, e.is_grantable
    loop
      execute format('grant %s (%I) on public.workspaces to %s%s',
        replace(v_grant.privileges, ', ', format(' (%I), ', v_grant.attname)), v_grant.attname,
        case v_grant.grantee when 0 then 'public'
          else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
        case when v_grant.is_grantable then ' with grant option' else '' end);
    end loop;
    delete from mivaa.ledger where kind = 'acl' and object_name = 'public.workspaces';
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

revoke execute on function mivaa.active_membership() from authenticated, service_role;

revoke execute on function mivaa.user_id() from authenticated, service_role;

revoke execute on function mivaa.uuid_or_null(text) from authenticated, service_role;

revoke execute on function mivaa.json_setting(text) from authenticated, service_role;

revoke usage on schema mivaa from authenticated, service_role;

update public.migration_tracking set status = 'running', completed_at = null
where migration_name = 'mivaa_integration' and phase = 'rls_policies';

UPDATE mivaa.alembic_version SET version_num='0005' WHERE mivaa.alembic_version.version_num = '0006';
