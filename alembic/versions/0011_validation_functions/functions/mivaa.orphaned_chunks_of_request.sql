create function mivaa.orphaned_chunks_of_request(
  at_most integer, out chunk_count bigint, out orphan_count bigint, out orphan_ids uuid[]
)
returns record
language plpgsql
stable
parallel restricted
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- mivaa.orphaned_chunks for users: of the workspace of this request alone, for those who manage
-- its documents.
declare
  v_workspace constant uuid := mivaa.require_permission('manage_documents');
begin
  select o.chunk_count, o.orphan_count, o.orphan_ids
  into chunk_count, orphan_count, orphan_ids
  from mivaa.orphaned_chunks(v_workspace, at_most) o;
end
$function$;
