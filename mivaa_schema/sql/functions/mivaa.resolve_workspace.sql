create function mivaa.resolve_workspace(workspace_id_param uuid, permission_name text)
returns uuid
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- The workspace that a function works on, or an error that says what to do. For users it is the
-- workspace of the request: they may pass its id, and any other id is refused, whether or not there
-- is such a workspace. Roles that bypass row-level security see all, so they must name one.
declare
  v_workspace uuid;
begin
  if not row_security_active('public.documents'::regclass) then
    if workspace_id_param is null then
      raise exception 'no workspace is named'
        using errcode = 'null_value_not_allowed',
              hint = 'This role sees all workspaces: pass the one that is meant.';
    end if;
    return workspace_id_param;
  end if;
  v_workspace := mivaa.workspace_for(permission_name);
  if workspace_id_param is null or workspace_id_param = v_workspace then
    if v_workspace is not null then
      return v_workspace;
    end if;
  end if;
  -- Refused; what follows finds out why.
  v_workspace := mivaa.workspace_for(null::text);
  if v_workspace is null then
    raise exception 'this request has no workspace'
      using errcode = 'insufficient_privilege',
            hint = 'Send the header x-workspace-id, or a token with the claim workspace_id, '
              'that names a workspace in which you are an active member.';
  end if;
  if workspace_id_param <> v_workspace then
    raise exception 'workspace % is not the workspace of this request', workspace_id_param
      using errcode = 'insufficient_privilege',
            hint = 'Send its id in the header x-workspace-id; you must be an active member.';
  end if;
  raise exception 'this needs the permission %', permission_name
    using errcode = 'insufficient_privilege',
          hint = 'Ask an owner of the workspace for a role that has it.';
end
$function$;
