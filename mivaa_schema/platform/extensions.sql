create schema if not exists extensions;
comment on schema extensions is 'Where Supabase keeps extensions; stand-in by mivaa-schema.';
grant usage on schema extensions to anon, authenticated, service_role;
