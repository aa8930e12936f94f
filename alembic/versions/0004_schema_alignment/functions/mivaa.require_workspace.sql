create function mivaa.require_workspace()
returns trigger
language plpgsql
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Refuses a row without a workspace: nobody could see it. A trigger, because a check would also
-- refuse every later update of a row that had none before we came.
begin
  if tg_op = 'UPDATE' and old.workspace_id is null then
    return new;
  end if;
  raise exception 'a row of % needs a workspace_id', tg_table_name
    using errcode = 'not_null_violation',
          schema = tg_table_schema, table = tg_table_name, column = 'workspace_id',
          hint = 'Set workspace_id to the workspace that the row belongs to.';
end
$function$;
