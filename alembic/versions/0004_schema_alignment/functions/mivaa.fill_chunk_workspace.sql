create function mivaa.fill_chunk_workspace()
returns trigger
language plpgsql
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Gives a chunk the workspace of its document, for applications that do not know the column. What
-- is given explicitly is left to the foreign key to judge. An invoker: a user's look-up sees the
-- documents of its own workspace only.
-- The upgrade that adds the column fills it under the setting mivaa.filling: then the row stays as
-- it was in every other column, whatever the platform's triggers have put there. That is no edit.
declare
  v_workspace uuid;
begin
  if tg_op = 'UPDATE' then
    if current_setting('mivaa.filling', true) = 'on' then
      v_workspace := new.workspace_id;
      new := old;
      new.workspace_id := v_workspace;
      return new;
    end if;
    if new.document_id is not distinct from old.document_id
      and (new.workspace_id is not null or old.workspace_id is null)
    then
      return new;
    end if;
    if new.workspace_id is distinct from old.workspace_id and new.workspace_id is not null then
      return new;
    end if;
  elsif new.workspace_id is not null then
    return new;
  end if;
  select d.workspace_id into v_workspace
  from public.documents d
  where d.id = new.document_id;
  if v_workspace is null then
    raise exception 'document % has no workspace, or you cannot see it', new.document_id
      using errcode = 'not_null_violation',
            schema = tg_table_schema, table = tg_table_name, column = 'workspace_id',
            hint = 'A chunk belongs to the workspace of its document; name a document of yours.';
  end if;
  new.workspace_id := v_workspace;
  return new;
end
$function$;
