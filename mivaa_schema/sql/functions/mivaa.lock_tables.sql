create function mivaa.lock_tables(lock_mode text, variadic table_names text[])
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Locks tables for a change so that nobody waits long. The first mode stops no reader and no
-- writer, and autovacuum cancels itself for it (after deadlock_timeout), so it may be waited for.
-- Then comes the mode that is asked for: all tables within lock_timeout, since users queue behind
-- the first of them. If that is too short, all locks are released, for a user who holds one table
-- and waits for another, and asked for again after a pause; so a deadlock never ends a user's
-- statement. What is left of the last lock_timeout bounds the waits of the change. A table that
-- does not exist is skipped.
declare
  v_timeout constant interval := coalesce(
    nullif(current_setting('lock_timeout')::interval, '0'), interval '100 ms'
  );
  v_least constant interval := v_timeout / 10;
  v_end constant timestamp with time zone := clock_timestamp()
    + greatest(v_timeout, 3 * current_setting('deadlock_timeout')::interval);
  v_tables constant regclass[] := array(
    select to_regclass(t.name) from unnest(table_names) with ordinality t (name, position)
    where to_regclass(t.name) is not null order by t.position
  );
  v_mode text := 'share update exclusive';
  v_until timestamp with time zone := v_end;
  v_table regclass;
  v_users text;
begin
  foreach v_table in array v_tables loop
    perform set_config('lock_timeout', ceil(extract(epoch from
      greatest(v_until - clock_timestamp(), v_least)) * 1000)::bigint || 'ms', true);
    execute format('lock table only %s in %s mode', v_table, v_mode);
  end loop;
  while v_mode <> lower(lock_mode) loop
    begin
      v_mode := lower(lock_mode);
      v_until := clock_timestamp() + v_timeout;
      foreach v_table in array v_tables loop
        perform set_config('lock_timeout', ceil(extract(epoch from
          greatest(v_until - clock_timestamp(), v_least)) * 1000)::bigint || 'ms', true);
        execute format('lock table only %s in %s mode', v_table, v_mode);
      end loop;
    exception when lock_not_available or deadlock_detected then
      if clock_timestamp() >= v_end then
        raise;
      end if;
      v_mode := 'share update exclusive';
    end;
    if v_mode <> lower(lock_mode) then
      perform pg_sleep(extract(epoch from v_timeout) * (0.5 + random()));
    end if;
  end loop;
  perform set_config('lock_timeout', ceil(extract(epoch from
    greatest(v_until - clock_timestamp(), v_least)) * 1000)::bigint || 'ms', true);
exception when lock_not_available or deadlock_detected then
  select string_agg(
    format('process %s (%s), in a transaction for %s s, last query: %s', a.pid,
      coalesce(nullif(a.application_name, ''), 'no application name'),
      round(extract(epoch from clock_timestamp() - a.xact_start)),
      regexp_replace(left(a.query, 200), '[[:space:][:cntrl:]]+', ' ', 'g')),
    '; ' order by a.xact_start
  ) into v_users
  from pg_stat_activity a
  where a.pid <> pg_backend_pid() and exists (
    select from pg_locks l
    where l.pid = a.pid and l.granted and l.relation = v_table
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
      and (
        v_mode = 'access exclusive' or l.mode in ('ShareUpdateExclusiveLock', 'ShareLock',
          'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        or v_mode <> 'share update exclusive' and l.mode = 'RowExclusiveLock'
      )
  );
  raise exception '% is in use: no lock in mode %', v_table, v_mode
    using errcode = 'lock_not_available',
          detail = coalesce(v_users, 'nobody any more'),
          hint = 'End those sessions or choose a quieter time, then try again.';
end
$function$;
