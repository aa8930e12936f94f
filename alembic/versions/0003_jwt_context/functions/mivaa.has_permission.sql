create function mivaa.has_permission(permission_name text)
returns boolean
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Whether the user may do this in the workspace of this request.
begin
  if permission_name is null then
    raise exception 'unknown permission null'
      using errcode = 'invalid_parameter_value',
            hint = 'Expected one of: read, write, delete, manage_documents.';
  end if;
  return mivaa.workspace_for(permission_name) is not null;
end
$function$;
