create function mivaa.get_workspace_id()
returns uuid
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- The workspace of this request, or null; never an error.
begin
  return mivaa.workspace_for(null::text);
end
$function$;
