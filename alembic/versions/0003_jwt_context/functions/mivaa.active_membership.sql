create function mivaa.active_membership(out workspace_id uuid, out member_role text)
returns record
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The membership under which this request acts: its workspace and the user's role there, in one
-- look-up, or nulls. The first choice that is present decides: the header x-workspace-id, then
-- the claims workspace_id of the token, of app_metadata and of user_metadata; it counts only if
-- the user is an active member. With no choice present, it is the user's only active membership.
-- A definer, because members must not need to read the table that decides what they may read.
-- Every statement of every user calls this, several times: the claims are read once, and
-- the user is read from them here as mivaa.user_id() does it.
declare
  v_claims constant jsonb := mivaa.json_setting('request.jwt.claims');
  v_user constant uuid := mivaa.uuid_or_null(coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''), v_claims ->> 'sub'
  ));
  v_header text;
  v_choice uuid;
  v_memberships integer;
begin
  if v_user is null then
    return;
  end if;
  if current_setting('request.headers', true) <> '' then
    v_header := mivaa.json_setting('request.headers') ->> 'x-workspace-id';
  end if;
  if v_header is not null then
    v_choice := mivaa.uuid_or_null(v_header);
    if v_choice is null then
      return;
    end if;
  else
    v_choice := coalesce(
      mivaa.uuid_or_null(v_claims ->> 'workspace_id'),
      mivaa.uuid_or_null(v_claims -> 'app_metadata' ->> 'workspace_id'),
      mivaa.uuid_or_null(v_claims -> 'user_metadata' ->> 'workspace_id')
    );
  end if;
  if v_choice is not null then
    select m.workspace_id, m.role into workspace_id, member_role
    from public.workspace_members m
    where m.user_id = v_user and m.workspace_id = v_choice and m.status = 'active';
    return;
  end if;
  select count(*), (array_agg(two.workspace_id))[1], (array_agg(two.role))[1]
  into v_memberships, workspace_id, member_role
  from (
    select m.workspace_id, m.role
    from public.workspace_members m
    where m.user_id = v_user and m.status = 'active'
    limit 2
  ) two;
  if v_memberships <> 1 then
    workspace_id := null;
    member_role := null;
  end if;
end
$function$;
