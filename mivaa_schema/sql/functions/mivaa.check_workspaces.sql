create function mivaa.check_workspaces(workspace_id_param uuid)
returns table (check_name text, fault text, issue_count bigint, issues text, remedy text)
language plpgsql
stable
parallel restricted
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
-- Whether memberships make sense, and whether rows are in a workspace that exists. Of rows without
-- one, those count for a workspace whose document or file is in it. A null argument means the
-- whole database.
begin
  return query
  select
    'workspace_members', 'FAIL', unknown.members + ownerless.workspaces,
    'memberships of unknown role or status, and workspaces without an active owner',
    format(
      'Memberships are %s, workspaces %s: set a known role and status, and make a member owner.',
      unknown.members, ownerless.workspaces
    )
  from (
    select count(*) as members
    from public.workspace_members m
    where (workspace_id_param is null or m.workspace_id = workspace_id_param)
      and (
        (m.role in ('owner', 'admin', 'editor', 'viewer', 'member')) is not true
        or (m.status in ('active', 'invited', 'suspended', 'removed')) is not true
      )
  ) unknown
  cross join (
    select count(*) as workspaces
    from public.workspaces w
    where (workspace_id_param is null or w.id = workspace_id_param)
      and not exists (
        select from public.workspace_members m
        where m.workspace_id = w.id and m.role = 'owner' and m.status = 'active'
      )
  ) ownerless;
  return query
  select
    'rows_without_workspace', 'FAIL', count(*), 'rows without a workspace',
    'No member can see them: set their workspace_id.'
  from (
    select null::uuid as belongs_to from public.documents d where d.workspace_id is null
    union all
    select null from public.pdf_documents p where p.workspace_id is null
    union all
    select null from public.workspace_members m where m.workspace_id is null
    union all
    select d.workspace_id
    from public.document_chunks c
    left join public.documents d on d.id = c.document_id
    where c.workspace_id is null
    union all
    select coalesce(d.workspace_id, f.workspace_id)
    from public.processed_documents p
    left join public.documents d on d.id = p.document_id
    left join public.pdf_documents f on f.id = p.pdf_document_id
    where p.workspace_id is null
  ) r
  where workspace_id_param is null or r.belongs_to = workspace_id_param;
  return query
  select
    'unknown_workspaces', 'FAIL', count(*), 'rows of workspaces that do not exist',
    'Create the workspace again, or delete the rows.'
  from (
    select d.workspace_id from public.documents d
    union all
    select c.workspace_id from public.document_chunks c
    union all
    select p.workspace_id from public.pdf_documents p
    union all
    select p.workspace_id from public.processed_documents p
    union all
    select m.workspace_id from public.workspace_members m
  ) r
  where r.workspace_id is not null
    and (workspace_id_param is null or r.workspace_id = workspace_id_param)
    and not exists (select from public.workspaces w where w.id = r.workspace_id);
end
$function$;
