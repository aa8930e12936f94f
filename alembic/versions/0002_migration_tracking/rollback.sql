-- Running downgrade 0002 -> 0001

select mivaa.lock_tables('access exclusive', 'public.migration_tracking');

drop function if exists public.rollback_migration_phase(migration_name_param text, phase_param text);

drop function if exists public.mark_migration_complete(migration_name_param text, phase_param text, rollback_sql_param text);

drop policy if exists migration_tracking_closed on public.migration_tracking;

delete from mivaa.ledger where kind = 'rollback';

delete from public.migration_tracking where migration_name = 'mivaa_integration';

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'index' and object_name = 'public.migration_tracking_migration_name_phase_key') then
    drop index if exists public.migration_tracking_migration_name_phase_key;
    delete from mivaa.ledger where kind = 'index' and object_name = 'public.migration_tracking_migration_name_phase_key';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.migration_tracking.migration_tracking_created_by_fkey') then
    alter table public.migration_tracking drop constraint if exists migration_tracking_created_by_fkey;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.migration_tracking.migration_tracking_created_by_fkey';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'constraint' and object_name = 'public.migration_tracking.migration_tracking_status_check') then
    alter table public.migration_tracking drop constraint if exists migration_tracking_status_check;
    delete from mivaa.ledger where kind = 'constraint' and object_name = 'public.migration_tracking.migration_tracking_status_check';
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'row_security' and object_name = 'public.migration_tracking') then
    alter table public.migration_tracking disable row level security;
    delete from mivaa.ledger where kind = 'row_security' and object_name = 'public.migration_tracking';
  end if;
end
$mivaa$;

do $mivaa$
declare
  v_table constant regclass := to_regclass('public.migration_tracking');
  v_former jsonb;
  v_grant record;
begin
  delete from mivaa.ledger where kind = 'acl' and object_name = 'public.migration_tracking' returning former::jsonb into v_former;
  if found and v_table is not null then
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee from (
        select 0 as grantee
        union select grantee from (
          select relacl as acl from pg_catalog.pg_class where oid = v_table
          union all select attacl from pg_catalog.pg_attribute where attrelid = v_table
        ) s, aclexplode(acl)
      ) g
    loop
      execute format('revoke all on %s from %s', v_table, v_grant.grantee);
    end loop;
    for v_grant in
      select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee, string_agg(
          privilege_type || coalesce(' (' || quote_ident(attname) || ')', ''), ', ') as privileges,
        case when is_grantable then ' with grant option' else '' end as options
      from (
        select null as attname, coalesce((v_former ->> 'relation')::aclitem[],
          (select acldefault('r', relowner) from pg_catalog.pg_class where oid = v_table)) as acl
        union all select key, value::aclitem[]
        from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{}'))
      ) s, unnest(acl) with ordinality i (entry, position), aclexplode(array[entry]) e
      group by attname, position, e.grantee, is_grantable
      order by attname nulls first, position, is_grantable
    loop
      execute format('grant %s on %s to %s%s', v_grant.privileges, v_table, v_grant.grantee,
        v_grant.options);
    end loop;
  end if;
end
$mivaa$;

do $mivaa$
begin
  if exists (select from mivaa.ledger where kind = 'table' and object_name = 'public.migration_tracking') then
    drop table public.migration_tracking;
    delete from mivaa.ledger where kind = 'table' and object_name = 'public.migration_tracking';
  else
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.created_by') then
      alter table public.migration_tracking drop column created_by;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.created_by';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.rollback_sql') then
      alter table public.migration_tracking drop column rollback_sql;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.rollback_sql';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.error_message') then
      alter table public.migration_tracking drop column error_message;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.error_message';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.completed_at') then
      alter table public.migration_tracking drop column completed_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.completed_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.started_at') then
      alter table public.migration_tracking drop column started_at;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.started_at';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.status') then
      alter table public.migration_tracking drop column status;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.status';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.phase') then
      alter table public.migration_tracking drop column phase;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.phase';
    end if;
    if exists (select from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.migration_name') then
      alter table public.migration_tracking drop column migration_name;
      delete from mivaa.ledger where kind = 'column' and object_name = 'public.migration_tracking.migration_name';
    end if;
  end if;
end
$mivaa$;

UPDATE mivaa.alembic_version SET version_num='0001' WHERE mivaa.alembic_version.version_num = '0002';
