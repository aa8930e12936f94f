create function mivaa.resolve_existing_workspace(workspace_id_param uuid, permission_name text)
returns uuid
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- The workspace that a maintenance function works on. Like mivaa.resolve_workspace, but a
-- workspace that does not exist is an error also for roles that may name any: a report that finds
-- no fault in it would mislead.
declare
  v_workspace constant uuid := mivaa.resolve_workspace(workspace_id_param, permission_name);
begin
  -- Nested: users may not execute is_workspace, and one condition would ask for the right to.
  if not row_security_active('public.documents'::regclass) then
    if not mivaa.is_workspace(v_workspace) then
      raise exception 'workspace % does not exist', v_workspace
        using errcode = 'invalid_parameter_value',
              hint = 'Pass the id of a row of public.workspaces.';
    end if;
  end if;
  return v_workspace;
end
$function$;
