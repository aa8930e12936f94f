-- The roles that the API of Supabase logs in as and becomes. Roles belong to the whole server, so
-- another database can make the same ones at the same moment.
do $$
declare
    v_role text;
    v_options text;
begin
    for v_role, v_options in
        values
            ('anon', 'nologin noinherit'),
            ('authenticated', 'nologin noinherit'),
            ('service_role', 'nologin noinherit bypassrls'),
            ('authenticator', 'login noinherit'),
            ('supabase_auth_admin', 'nologin noinherit')
    loop
        if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
            begin
                execute pg_catalog.format('create role %I %s', v_role, v_options);
            exception
                when duplicate_object or unique_violation then
                    null;
            end;
        end if;
    end loop;
end
$$;

-- The API logs in as authenticator and becomes one of the three, as the token says. Whoever installs
-- this without being a superuser may become them too, as `postgres` can on Supabase.
grant anon, authenticated, service_role to authenticator;

do $$
begin
    if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
        grant anon, authenticated, service_role to current_user;
    end if;
end
$$;
