create function auth.role() returns text
language sql stable parallel safe
return coalesce(
    nullif(pg_catalog.current_setting('request.jwt.claim.role', true), ''),
    nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
);
comment on function auth.role() is 'The API role that this request claims; stand-in by mivaa-schema.';
