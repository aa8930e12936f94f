create function mivaa.user_id()
returns uuid
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- The user of this request, or null. Reads what auth.uid() reads, in the same order, but a
-- malformed subject is nobody instead of an error.
begin
  return mivaa.uuid_or_null(coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    mivaa.json_setting('request.jwt.claims') ->> 'sub'
  ));
end
$function$;
