-- pgvector, as it is installed and as the server offers it. Supabase's supautils lets users that are
-- no superusers create the extensions that it lists.
select
    (select extversion from pg_extension where extname = 'vector') as installed,
    (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace
     where e.extname = 'vector') as schema,
    (select default_version from pg_available_extensions where name = 'vector') as available,
    (select rolsuper from pg_roles where rolname = current_user)
        or has_database_privilege(current_database(), 'create')
            and coalesce((select bool_or(trusted or not superuser)
                          from pg_available_extension_versions where name = 'vector'), false)
        or coalesce(current_setting('supautils.privileged_extensions', true), '') ~ '\yvector\y'
        as creatable,
    current_setting('server_version_num')::int / 10000 as major,
    current_user as user,
    current_database() as database;
