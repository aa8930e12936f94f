-- A sub that is no UUID raises here, as it does on Supabase.
create function auth.uid() returns uuid
language sql stable parallel safe
return coalesce(
    nullif(pg_catalog.current_setting('request.jwt.claim.sub', true), ''),
    nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
)::uuid;
comment on function auth.uid() is 'The user of this request, NULL without one; stand-in by mivaa-schema.';
