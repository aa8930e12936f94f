-- The first object on which the user lacks rights, and the statement that grants them; null is an
-- object that is missing.
with needed (place, rights, there) as (
    select 'schema `auth`', 'usage on schema auth',
        (select has_schema_privilege(oid, 'usage') from pg_namespace where nspname = 'auth')
    union all
    select 'table `auth.users`', 'references on auth.users',
        (select has_column_privilege(c.oid, 'id', 'references')
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'auth' and c.relname = 'users')
    union all
    select format('database `%s` (the schema mivaa)', current_database()),
        format('create on database %I', current_database()),
        has_database_privilege(current_database(), 'create')
            or exists (select from pg_namespace where nspname = 'mivaa')
    union all
    select format('schema `%s`', name), format('usage, create on schema %I', name),
        coalesce((select has_schema_privilege(oid, 'create') and has_schema_privilege(oid, 'usage')
                  from pg_namespace where nspname = name), name = 'mivaa')
    from unnest(array['mivaa', 'public']) name
)
select current_user as user, place as where, format('grant %s to %I;', rights, current_user)
    as remedy
from needed where not there limit 1;
