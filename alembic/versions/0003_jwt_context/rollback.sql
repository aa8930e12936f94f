-- Running downgrade 0003 -> 0002

update public.migration_tracking set status = 'rolled_back', completed_at = null
where migration_name = 'mivaa_integration' and phase = 'jwt_functions';

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'function' and object_name = 'auth.has_permission(permission_name text)') then
    drop function auth.has_permission(permission_name text);
    delete from mivaa.ledger where kind = 'function' and object_name = 'auth.has_permission(permission_name text)';
  end if;
  if exists (select from mivaa.ledger where kind = 'function' and object_name = 'auth.get_user_role()') then
    drop function auth.get_user_role();
    delete from mivaa.ledger where kind = 'function' and object_name = 'auth.get_user_role()';
  end if;
  if exists (select from mivaa.ledger where kind = 'function' and object_name = 'auth.get_workspace_id()') then
    drop function auth.get_workspace_id();
    delete from mivaa.ledger where kind = 'function' and object_name = 'auth.get_workspace_id()';
  end if;
end
$mivaa$;

drop function if exists mivaa.custom_access_token_hook(event jsonb);

drop function if exists mivaa.resolve_workspace(workspace_id_param uuid, permission_name text);

drop function if exists mivaa.is_colleague(colleague_id uuid);

drop function if exists mivaa.active_workspace_ids();

drop function if exists mivaa.has_permission(permission_name text);

drop function if exists mivaa.get_user_role();

drop function if exists mivaa.get_workspace_id();

drop function if exists mivaa.workspace_for(permission_name text);

drop function if exists mivaa.user_id();

drop function if exists mivaa.uuid_or_null(candidate text);

drop function if exists mivaa.json_setting(setting_name text);

do $mivaa$ begin
  if exists (select from pg_catalog.pg_roles where rolname = 'supabase_auth_admin')
  then revoke usage on schema mivaa from supabase_auth_admin; end if; end $mivaa$;

UPDATE mivaa.alembic_version SET version_num='0002' WHERE mivaa.alembic_version.version_num = '0003';
