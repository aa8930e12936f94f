create function public.validate_workspace_data_integrity(workspace_id_param uuid default null)
returns table (check_name text, status text, issue_count bigint, details text)
language plpgsql
stable
parallel restricted
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Looks for faults in the data of a workspace: PASS, WARN (what is not found for now, or cannot be
-- checked) or FAIL. Without an argument, a user gets the workspace of the request and the owner of
-- the tables the whole database.
declare
  v_everything constant boolean := workspace_id_param is null
    and not row_security_active('public.documents'::regclass)
    and pg_has_role(
      (select c.relowner from pg_catalog.pg_class c where c.oid = 'public.documents'::regclass),
      'usage'
    );
  v_workspace uuid;
begin
  if not v_everything then
    v_workspace := mivaa.resolve_existing_workspace(workspace_id_param, 'read');
  end if;
  if row_security_active('public.documents'::regclass) then
    return query select i.* from mivaa.integrity_of_request() i;
  else
    return query select i.* from mivaa.integrity(v_workspace) i;
  end if;
end
$function$;
