create function auth.jwt() returns jsonb
language sql stable parallel safe
return coalesce(
    nullif(pg_catalog.current_setting('request.jwt.claim', true), ''),
    nullif(pg_catalog.current_setting('request.jwt.claims', true), '')
)::jsonb;
comment on function auth.jwt() is 'All claims of this request, NULL without any; stand-in by mivaa-schema.';
