create function mivaa.custom_access_token_hook(event jsonb)
returns jsonb
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Puts the workspace of the user into a token that Supabase Auth is about to issue, as the claim
-- workspace_id: the one that the token names already (in workspace_id, else in app_metadata), if
-- the user is an active member of it, else the only one in which the user is active, else none.
-- All other claims stay as they are. Nobody can sign in while this fails, so it never raises: what
-- it does not understand goes back as it came. The claim grants nothing, since every statement
-- asks for the membership anew. A definer, because Supabase Auth may not read memberships.
declare
  v_claims constant jsonb := event -> 'claims';
  v_user constant uuid := mivaa.uuid_or_null(event ->> 'user_id');
  v_memberships uuid[];
  v_workspace uuid;
begin
  if v_user is null or jsonb_typeof(v_claims) is distinct from 'object' then
    return event;
  end if;
  v_memberships := array(
    select m.workspace_id
    from public.workspace_members m
    where m.user_id = v_user and m.status = 'active'
  );
  foreach v_workspace in array array[
    mivaa.uuid_or_null(v_claims ->> 'workspace_id'),
    mivaa.uuid_or_null(v_claims -> 'app_metadata' ->> 'workspace_id'),
    case when cardinality(v_memberships) = 1 then v_memberships[1] end
  ] loop
    if v_workspace = any (v_memberships) then
      return jsonb_set(event, '{claims,workspace_id}', to_jsonb(v_workspace));
    end if;
  end loop;
  return event;
end
$function$;
