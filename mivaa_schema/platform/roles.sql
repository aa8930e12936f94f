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

-- The API logs in as authenticator and becomes one of the three, as the token says. Who installs
-- this without being a superuser may become them too, as `postgres` can on Supabase.
do $$
declare
    v_member text;
    v_role text;
begin
    for v_member, v_role in
        select m.rolname, r.rolname
        from pg_catalog.pg_roles m, pg_catalog.pg_roles r
        where (m.rolname = 'authenticator' or m.rolname = current_user and not m.rolsuper)
            and r.rolname in ('anon', 'authenticated', 'service_role')
            and not exists (
                select from pg_catalog.pg_auth_members g
                join pg_catalog.pg_roles p on p.oid = g.grantor
                where g.member = m.oid and g.roleid = r.oid
                    and (pg_catalog.to_jsonb(g) ->> 'set_option' is distinct from 'false')
            )
    loop
        begin
            execute pg_catalog.format('grant %I to %I', v_role, v_member);
        exception
            when unique_violation then
                null;
        end;
    end loop;
end
$$;
