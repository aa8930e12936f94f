create function mivaa.check_users(workspace_id_param uuid)
returns table (check_name text, fault text, issue_count bigint, issues text, remedy text)
language plpgsql
stable
parallel restricted
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
-- Whether the users that rows name exist. Where the platform does not let the owner of the tables
-- read all its users, the count is null: unknown is not the same as none. A null argument means
-- the whole database.
declare
  v_readable boolean := false;
begin
  -- Nested: a name in a schema that is closed to us cannot even be looked up.
  if has_schema_privilege('auth', 'usage') then
    v_readable := has_column_privilege('auth.users', 'id', 'select')
      and not row_security_active('auth.users');
  end if;
  if not v_readable then
    return query
    values (
      'invalid_user_refs', 'WARN', null::bigint, 'rows of users that do not exist',
      'Let the owner of the tables read auth.users, or ask somebody who can.'
    );
    return;
  end if;
  return query
  select
    'invalid_user_refs', 'FAIL', count(*), 'rows of users that do not exist',
    'Set their user_id to null or to a user; delete memberships.'
  from (
    select d.workspace_id, d.user_id from public.documents d
    union all
    select p.workspace_id, p.user_id from public.pdf_documents p
    union all
    select p.workspace_id, p.user_id from public.processed_documents p
    union all
    select m.workspace_id, m.user_id from public.workspace_members m
    union all
    select w.id, w.created_by from public.workspaces w
  ) r
  where r.user_id is not null
    and (workspace_id_param is null or r.workspace_id = workspace_id_param)
    and not exists (select from auth.users u where u.id = r.user_id);
end
$function$;
