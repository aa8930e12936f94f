create function mivaa.reset_embedding_status()
returns trigger
language plpgsql
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Sends a row whose content has changed back to the embedder; unless the same statement brings
-- the new embedding, or says itself what the status is. Vectors are compared as arrays, with an
-- operator of pg_catalog.
begin
  if (
      new.embedding_v2 is null
      or new.embedding_v2::real[] is not distinct from old.embedding_v2::real[]
    )
    and new.embedding_migration_status = old.embedding_migration_status
  then
    new.embedding_migration_status := 'pending';
    new.embedding_migrated_at := null;
  end if;
  return new;
end
$function$;
