create function mivaa.complete_embedding_status()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $function$
-- A row that is written with its new embedding is not pending.
begin
  new.embedding_migration_status := 'completed';
  new.embedding_migrated_at := coalesce(new.embedding_migrated_at, now());
  return new;
end
$function$;
