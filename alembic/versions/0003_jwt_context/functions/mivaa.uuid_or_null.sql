create function mivaa.uuid_or_null(candidate text)
returns uuid
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- The UUID that a text of 36 characters holds, or null; a cast would raise inside of policies.
-- From PostgreSQL 16 on the server can say whether a cast would succeed, ten times as fast as a
-- regular expression can.
begin
  if length(candidate) is distinct from 36 then
    return null;
  end if;
  if current_setting('server_version_num')::integer >= 160000 then
    if not pg_input_is_valid(candidate, 'uuid') then
      return null;
    end if;
  elsif candidate !~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' then
    return null;
  end if;
  return candidate::uuid;
end
$function$;
