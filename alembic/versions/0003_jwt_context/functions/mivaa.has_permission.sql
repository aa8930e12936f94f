create function mivaa.has_permission(permission_name text)
returns boolean
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Whether the user may do this in the workspace of this request. The one place where roles turn
-- into permissions. A misspelt permission is an error, since false would look like a refusal.
declare
  v_known constant text[] := array['read', 'write', 'delete', 'manage_documents'];
  v_role text;
begin
  if permission_name is null or permission_name <> all (v_known) then
    raise exception 'unknown permission %', coalesce(quote_literal(permission_name), 'null')
      using errcode = 'invalid_parameter_value',
            hint = 'Expected one of: ' || array_to_string(v_known, ', ') || '.';
  end if;
  v_role := (mivaa.active_membership()).member_role;
  return coalesce(
    case v_role
      when 'owner' then true
      when 'admin' then permission_name in ('read', 'write', 'delete', 'manage_documents')
      when 'editor' then permission_name in ('read', 'write', 'manage_documents')
      when 'viewer' then permission_name = 'read'
      when 'member' then permission_name = 'read'
    end,
    false
  );
end
$function$;
