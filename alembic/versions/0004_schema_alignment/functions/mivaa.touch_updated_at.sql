create function mivaa.touch_updated_at()
returns trigger
language plpgsql
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Keeps updated_at. A function of our own: the platform may have one of the usual name.
begin
  new.updated_at := now();
  return new;
end
$function$;
