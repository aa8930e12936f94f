create function mivaa.integrity(workspace_id_param uuid)
returns table (check_name text, status text, issue_count bigint, details text)
language plpgsql
stable
parallel restricted
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- All checks of a workspace, or with null of the whole database. A definer, because faults are
-- what row-level security hides: rows without their document, and the members of a workspace.
-- For roles that see all workspaces; mivaa.integrity_of_request is for users.
begin
  return query
  select
    c.check_name,
    case c.issue_count when 0 then 'PASS' else c.fault end,
    c.issue_count,
    format('Found %s: %s.', coalesce(c.issue_count::text, 'an unknown number'), c.issues)
      || case c.issue_count when 0 then '' else ' ' || c.remedy end
  from (
    select r.* from mivaa.check_references(workspace_id_param) r
    union all
    select e.* from mivaa.check_embeddings(workspace_id_param) e
    union all
    select s.* from mivaa.check_statuses(workspace_id_param) s
    union all
    select u.* from mivaa.check_users(workspace_id_param) u
    union all
    select w.* from mivaa.check_workspaces(workspace_id_param) w
    union all
    select i.* from mivaa.check_indexes() i
  ) c;
end
$function$;
