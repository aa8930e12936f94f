create function mivaa.workspace_for(permission_name text default null)
returns uuid
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The workspace of this request, if its user may do this there; else null, never an error about
-- the request. Without a permission, the role does not matter. All policies ask this and nothing
-- else about the caller, and it is the one place where roles turn into permissions.
-- The first choice that is present decides: the header x-workspace-id, then the claims workspace_id
-- of the token, of app_metadata and of user_metadata; it counts only if the user is an active
-- member. With no choice present, it is the user's only active membership.
-- A definer, because members must not need to read the table that decides what they may read.
-- Every statement of every user asks it, so what mivaa.json_setting() and mivaa.uuid_or_null() do
-- for the usual claims stands here again.
declare
  v_text text := nullif(current_setting('request.jwt.claims', true), '');
  v_claims jsonb;
  v_user uuid;
  v_header text;
  v_choice uuid;
  v_workspace uuid;
  v_role text;
  v_memberships bigint;
begin
  -- A misspelt permission is an error, since null would look like a refusal.
  if permission_name <> all (array['read', 'write', 'delete', 'manage_documents']) then
    raise exception 'unknown permission %', quote_literal(permission_name)
      using errcode = 'invalid_parameter_value',
            hint = 'Expected one of: read, write, delete, manage_documents.';
  end if;
  if current_setting('server_version_num')::integer < 160000 then
    v_claims := mivaa.json_setting('request.jwt.claims');
    v_user := mivaa.user_id();
    v_choice := mivaa.uuid_or_null(v_claims ->> 'workspace_id');
  else
    if pg_input_is_valid(v_text, 'jsonb') then
      v_claims := v_text::jsonb;
    end if;
    v_text := coalesce(
      nullif(current_setting('request.jwt.claim.sub', true), ''), v_claims ->> 'sub'
    );
    if length(v_text) = 36 and pg_input_is_valid(v_text, 'uuid') then
      v_user := v_text::uuid;
    end if;
    v_text := v_claims ->> 'workspace_id';
    if length(v_text) = 36 and pg_input_is_valid(v_text, 'uuid') then
      v_choice := v_text::uuid;
    end if;
  end if;
  if v_user is null then
    return null;
  end if;
  if current_setting('request.headers', true) <> '' then
    v_header := mivaa.json_setting('request.headers') ->> 'x-workspace-id';
  end if;
  if v_header is not null then
    v_choice := mivaa.uuid_or_null(v_header);
    if v_choice is null then
      return null;
    end if;
  elsif v_choice is null then
    v_choice := coalesce(
      mivaa.uuid_or_null(v_claims -> 'app_metadata' ->> 'workspace_id'),
      mivaa.uuid_or_null(v_claims -> 'user_metadata' ->> 'workspace_id')
    );
  end if;
  if v_choice is not null then
    select m.workspace_id, m.role into v_workspace, v_role
    from public.workspace_members m
    where m.user_id = v_user and m.workspace_id = v_choice and m.status = 'active';
  else
    select count(*), (array_agg(two.workspace_id))[1], (array_agg(two.role))[1]
    into v_memberships, v_workspace, v_role
    from (
      select m.workspace_id, m.role
      from public.workspace_members m
      where m.user_id = v_user and m.status = 'active'
      limit 2
    ) two;
    if v_memberships <> 1 then
      return null;
    end if;
  end if;
  if permission_name is null then
    return v_workspace;
  end if;
  -- Whoever may write also has manage_documents: the policies of update and delete rest on that.
  return case
    when case v_role
      when 'owner' then true
      when 'admin' then true
      when 'editor' then permission_name <> 'delete'
      when 'viewer' then permission_name = 'read'
      when 'member' then permission_name = 'read'
    end
    then v_workspace
  end;
end
$function$;
