-- The schema and the token hook for Supabase Auth, whose role a platform may lack; and nobody else.
do $mivaa$ begin
  if exists (select from pg_catalog.pg_roles where rolname = 'supabase_auth_admin')
  then grant usage on schema mivaa to supabase_auth_admin; end if; end $mivaa$;
do $mivaa$ begin
  if exists (select from pg_catalog.pg_roles where rolname = 'supabase_auth_admin')
  then grant execute on function mivaa.custom_access_token_hook(jsonb)
  to supabase_auth_admin; end if; end $mivaa$;
