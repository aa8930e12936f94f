create function mivaa.complete_embedding_status()
returns trigger
language plpgsql
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Keeps the status true to the embedding: a row that gets one is completed, a row that loses its
-- own is pending. A status or a time that the statement gives itself stands, and writing back the
-- embedding that is there, as whole-row updates do, says nothing.
-- Vectors are compared as arrays, with an operator of pg_catalog.
begin
  if tg_op = 'UPDATE' and new.embedding_v2::real[] is not distinct from old.embedding_v2::real[]
  then
    return new;
  end if;
  if new.embedding_migration_status = coalesce(old.embedding_migration_status, 'pending') then
    new.embedding_migration_status :=
      case when new.embedding_v2 is null then 'pending' else 'completed' end;
  end if;
  if new.embedding_migrated_at is not distinct from old.embedding_migrated_at then
    new.embedding_migrated_at := case when new.embedding_v2 is not null then now() end;
  end if;
  return new;
end
$function$;
