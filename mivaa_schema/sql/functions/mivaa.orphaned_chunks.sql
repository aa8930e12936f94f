create function mivaa.orphaned_chunks(
  workspace_id_param uuid,
  at_most integer,
  out chunk_count bigint,
  out orphan_count bigint,
  out orphan_ids uuid[]
)
returns record
language plpgsql
stable
parallel restricted
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
-- How many chunks a workspace has, how many of them name a document that does not exist, and the
-- ids of some of those. A definer, because to a user a document of another workspace looks like
-- none. For roles that see all workspaces; mivaa.orphaned_chunks_of_request is for users.
begin
  select count(*), count(*) filter (where c.document_id is not null and d.id is null)
  into chunk_count, orphan_count
  from public.document_chunks c
  left join public.documents d on d.id = c.document_id
  where c.workspace_id = workspace_id_param;
  orphan_ids := array(
    select c.id
    from public.document_chunks c
    where c.workspace_id = workspace_id_param
      and c.document_id is not null
      and not exists (select from public.documents d where d.id = c.document_id)
    limit at_most
  );
end
$function$;
