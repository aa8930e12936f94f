create function mivaa.is_colleague(colleague_id uuid)
returns boolean
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Whether a user is an active member of the workspace of this request. Says nothing about any
-- other workspace. A definer, because members see their own memberships only.
begin
  return exists (
    select from public.workspace_members m
    where m.user_id = colleague_id
      and m.workspace_id = mivaa.workspace_for(null::text)
      and m.status = 'active'
  );
end
$function$;
