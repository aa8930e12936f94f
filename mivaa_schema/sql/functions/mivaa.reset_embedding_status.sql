create function mivaa.reset_embedding_status()
returns trigger
language plpgsql
security invoker
set search_path = pg_catalog, extensions, public, pg_temp
as $function$
-- Sends a row whose content has changed back to the embedder; unless the same statement brings
-- the new embedding, or says itself what the status is.
begin
  if (new.embedding_v2 is null or new.embedding_v2 is not distinct from old.embedding_v2)
    and new.embedding_migration_status = old.embedding_migration_status
  then
    new.embedding_migration_status := 'pending';
    new.embedding_migrated_at := null;
  end if;
  return new;
end
$function$;
