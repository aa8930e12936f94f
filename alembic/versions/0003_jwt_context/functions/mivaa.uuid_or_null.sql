create function mivaa.uuid_or_null(candidate text)
returns uuid
language sql
immutable
parallel safe
security invoker
set search_path = ''
as $function$
-- The UUID that a text holds, or null; a cast would raise inside of policies.
select case
  when candidate ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' then candidate::uuid
end
$function$;
