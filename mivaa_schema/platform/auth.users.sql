-- The columns that applications read, with the types that they have on Supabase.
create table auth.users (
    id uuid primary key default gen_random_uuid(),
    aud varchar(255),
    role varchar(255),
    email varchar(255),
    phone text,
    raw_app_meta_data jsonb,
    raw_user_meta_data jsonb,
    email_confirmed_at timestamptz,
    last_sign_in_at timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    deleted_at timestamptz
);
comment on table auth.users is 'Who can sign in; stand-in by mivaa-schema for what Supabase owns.';
revoke all on auth.users from public, anon, authenticated, service_role;
