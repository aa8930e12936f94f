create function mivaa.integrity_of_request()
returns table (check_name text, status text, issue_count bigint, details text)
language plpgsql
stable
parallel restricted
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- mivaa.integrity for users: of the workspace of this request alone, for those who may read it.
declare
  v_workspace constant uuid := mivaa.require_permission('read');
begin
  return query select i.* from mivaa.integrity(v_workspace) i;
end
$function$;
