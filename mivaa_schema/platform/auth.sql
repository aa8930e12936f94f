create schema if not exists auth;
comment on schema auth is 'Users and the claims of a request; stand-in by mivaa-schema for what Supabase owns.';
grant usage on schema auth to anon, authenticated, service_role;
