create function mivaa.keep_updated_at()
returns trigger
language plpgsql
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Undoes what the trigger before it did to updated_at, where a statement wrote embeddings and
-- nothing else: that is no edit. Runs only for statements that name a column of embeddings, so
-- that others do not pay for the comparison. Rows are compared by their bytes (*=), which works
-- for columns of every type.
declare
  v_rest record := new;
begin
  v_rest.updated_at := old.updated_at;
  v_rest.embedding := old.embedding;
  v_rest.embedding_v2 := old.embedding_v2;
  v_rest.embedding_model := old.embedding_model;
  v_rest.embedding_migration_status := old.embedding_migration_status;
  v_rest.embedding_migrated_at := old.embedding_migrated_at;
  if v_rest operator(pg_catalog.*=) old then
    new.updated_at := old.updated_at;
  end if;
  return new;
end
$function$;
