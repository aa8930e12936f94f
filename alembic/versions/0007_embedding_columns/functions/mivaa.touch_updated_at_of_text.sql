create function mivaa.touch_updated_at_of_text()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $function$
-- Keeps updated_at of rows that carry embeddings: writing an embedding is no edit of the text.
-- The rows are compared by their bytes (*=), which works for columns of every type.
declare
  v_text record := new;
begin
  v_text.embedding := old.embedding;
  v_text.embedding_v2 := old.embedding_v2;
  v_text.embedding_model := old.embedding_model;
  v_text.embedding_migration_status := old.embedding_migration_status;
  v_text.embedding_migrated_at := old.embedding_migrated_at;
  if v_text operator(pg_catalog.*=) old and not new operator(pg_catalog.*=) old then
    return new;
  end if;
  new.updated_at := now();
  return new;
end
$function$;
