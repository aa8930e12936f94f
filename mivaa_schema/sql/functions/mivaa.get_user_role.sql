create function mivaa.get_user_role()
returns text
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The user's role in the workspace of this request, or null. Read from the membership: a role
-- that a token claims counts for nothing. A definer for the same reason as mivaa.workspace_for.
begin
  return (
    select m.role
    from public.workspace_members m
    where m.user_id = mivaa.user_id()
      and m.workspace_id = mivaa.workspace_for(null::text)
      and m.status = 'active'
  );
end
$function$;
