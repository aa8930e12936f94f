create function mivaa.check_row_owner()
returns trigger
language plpgsql
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Lets a user give a row to another member of the workspace, and to nobody else. Roles that
-- bypass row-level security are not judged.
begin
  if row_security_active(tg_relid) and not mivaa.is_colleague(new.user_id) then
    raise exception 'user % is no active member of this workspace', new.user_id
      using errcode = 'insufficient_privilege',
            hint = 'A row can be given to an active member of its workspace.';
  end if;
  return new;
end
$function$;
