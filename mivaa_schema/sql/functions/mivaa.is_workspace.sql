create function mivaa.is_workspace(workspace_id_param uuid)
returns boolean
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Whether a workspace of this id exists. For roles that see all workspaces. A definer, because a
-- platform may keep its table of workspaces to itself.
begin
  return exists (select from public.workspaces w where w.id = workspace_id_param);
end
$function$;
