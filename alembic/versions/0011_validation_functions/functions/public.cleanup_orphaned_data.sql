create function public.cleanup_orphaned_data(
  workspace_id_param uuid default null, dry_run boolean default true
)
returns table (
  operation text,
  affected_rows bigint,
  status text,
  orphans_before bigint,
  orphans_after bigint,
  details text
)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Deletes the chunks of a workspace whose document does not exist, at most ten thousand a call;
-- a dry run, which is the default, only counts them. What is an orphan is found with the rights of
-- the owner, and deleted with those of the caller. Refuses if every chunk would count as one.
-- Without a workspace, a user gets that of the request; the owner of the tables gets a row for each
-- workspace that has orphans, REFUSED for one that has nothing else.
declare
  v_at_most constant integer := 10000;
  v_dry_run constant boolean := coalesce(dry_run, true);
  v_everything constant boolean := workspace_id_param is null
    and not row_security_active('public.documents'::regclass)
    and pg_has_role(
      (select c.relowner from pg_catalog.pg_class c where c.oid = 'public.documents'::regclass),
      'usage'
    );
  v_workspace uuid;
  v_look constant text := case
    when row_security_active('public.documents'::regclass)
      then 'select o.chunk_count, o.orphan_count, o.orphan_ids
        from mivaa.orphaned_chunks_of_request($2) o'
    else 'select o.chunk_count, o.orphan_count, o.orphan_ids
      from mivaa.orphaned_chunks($1, $2) o'
  end;
  v_chunks bigint;
  v_orphans bigint;
  v_orphan_ids uuid[];
  v_all_are_orphans boolean;
begin
  operation := 'cleanup_orphaned_chunks';
  if v_everything then
    for v_workspace in
      select distinct c.workspace_id
      from public.document_chunks c
      where c.workspace_id is not null
        and c.document_id is not null
        and not exists (select from public.documents d where d.id = c.document_id)
      order by c.workspace_id
    loop
      begin
        select f.affected_rows, f.status, f.orphans_before, f.orphans_after, f.details
        into affected_rows, status, orphans_before, orphans_after, details
        from public.cleanup_orphaned_data(v_workspace, v_dry_run) f;
      exception when object_not_in_prerequisite_state or invalid_parameter_value
        or foreign_key_violation
      then
        affected_rows := 0;
        status := 'REFUSED';
        orphans_before := null;
        orphans_after := null;
        details := sqlerrm;
      end;
      details := format('Workspace %s: %s', v_workspace, details);
      return next;
    end loop;
    if v_workspace is null then
      affected_rows := 0;
      status := case when v_dry_run then 'DRY_RUN' else 'COMPLETED' end;
      orphans_before := 0;
      orphans_after := 0;
      details := 'No workspace has a chunk whose document does not exist.';
      return next;
    end if;
    return;
  end if;
  v_workspace := mivaa.resolve_existing_workspace(workspace_id_param, 'manage_documents');
  execute v_look into v_chunks, v_orphans, v_orphan_ids
  using v_workspace, case when v_dry_run then 0 else v_at_most end;
  orphans_before := v_orphans;
  v_all_are_orphans := v_orphans > 0 and v_orphans = v_chunks;
  if v_dry_run then
    affected_rows := v_orphans;
    status := 'DRY_RUN';
    orphans_after := v_orphans;
    details := format(
      'The document of %s of %s chunks does not exist.', orphans_before, v_chunks
    );
    if v_all_are_orphans then
      details := details || ' That is all of them, so they would not be deleted: look for the '
        'documents first.';
    elsif orphans_before > 0 then
      details := details || format(
        ' Call with dry_run => false to delete them, at most %s a call.', v_at_most
      );
    end if;
    return next;
    return;
  end if;
  if v_all_are_orphans then
    raise exception 'all % chunks of workspace % would count as orphans, expected fewer',
      v_chunks, v_workspace
      using errcode = 'object_not_in_prerequisite_state',
            hint = 'Nothing was deleted. The documents are more likely lost, or not loaded yet: '
              'restore them. If the chunks are to go, delete them from document_chunks.';
  end if;
  delete from public.document_chunks c
  where c.workspace_id = v_workspace and c.id = any (v_orphan_ids);
  get diagnostics affected_rows = row_count;
  execute v_look into v_chunks, v_orphans, v_orphan_ids using v_workspace, 0;
  orphans_after := v_orphans;
  status := case orphans_after when 0 then 'COMPLETED' else 'PARTIAL' end;
  details := case orphans_after
    when 0 then format('None of the %s chunks that remain is an orphan.', v_chunks)
    else format('%s chunks without a document remain: call again.', orphans_after)
  end;
  return next;
end
$function$;
