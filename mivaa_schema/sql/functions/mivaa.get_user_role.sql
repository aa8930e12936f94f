create function mivaa.get_user_role()
returns text
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- The user's role in the workspace of this request, or null. Read from the membership: a role
-- that a token claims counts for nothing.
begin
  return (mivaa.active_membership()).member_role;
end
$function$;
