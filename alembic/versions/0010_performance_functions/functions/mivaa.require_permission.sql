create function mivaa.require_permission(permission_name text)
returns uuid
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- The workspace of this request, or an error unless the user may do this there. For functions
-- that run with the rights of their owner: in those, row_security_active() answers for the owner
-- and not for the caller.
declare
  v_workspace constant uuid := mivaa.workspace_for(permission_name);
begin
  if v_workspace is null then
    raise exception 'this needs the permission % in a workspace', permission_name
      using errcode = 'insufficient_privilege',
            hint = 'Ask an owner of the workspace for a role that has it.';
  end if;
  return v_workspace;
end
$function$;
