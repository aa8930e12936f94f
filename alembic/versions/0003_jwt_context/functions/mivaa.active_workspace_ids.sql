create function mivaa.active_workspace_ids()
returns uuid[]
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- All workspaces in which the user is active, for the list from which an application lets the
-- user choose. A definer for the same reason as mivaa.workspace_for.
begin
  return array(
    select m.workspace_id
    from public.workspace_members m
    where m.user_id = mivaa.user_id() and m.status = 'active'
  );
end
$function$;
