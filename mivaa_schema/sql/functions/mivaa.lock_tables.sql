create function mivaa.lock_tables(lock_mode text, variadic table_names text[])
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Locks tables for a change so that nobody waits long. First, with patience, in a mode that stops
-- no reader and no writer, and to which autovacuum gives way (after deadlock_timeout). Then in the
-- mode that is asked for: all tables together within lock_timeout, since whoever comes meanwhile
-- queues behind the first of them; what is left of that time bounds the waits of the change itself.
-- A table that is not there is passed over.
declare
  v_budget constant interval := coalesce(
    nullif(current_setting('lock_timeout')::interval, '0'), interval '500 ms'
  );
  v_patience constant interval :=
    greatest(v_budget, 3 * current_setting('deadlock_timeout')::interval);
  v_deadline timestamp with time zone;
  v_left interval;
  v_table regclass;
  v_mode text;
  v_users text;
begin
  foreach v_mode in array array['share update exclusive', lower(lock_mode)] loop
    v_deadline := clock_timestamp()
      + case v_mode when 'share update exclusive' then v_patience else v_budget end;
    for v_table in
      select to_regclass(t.name) from unnest(table_names) with ordinality t (name, position)
      where to_regclass(t.name) is not null order by t.position
    loop
      v_left := greatest(v_deadline - clock_timestamp(), v_budget / 10);
      perform set_config(
        'lock_timeout', ceil(extract(epoch from v_left) * 1000)::bigint || 'ms', true
      );
      execute format('lock table only %s in %s mode', v_table, v_mode);
    end loop;
  end loop;
  v_left := greatest(v_deadline - clock_timestamp(), v_budget / 10);
  perform set_config(
    'lock_timeout', ceil(extract(epoch from v_left) * 1000)::bigint || 'ms', true
  );
exception when lock_not_available then
  select string_agg(
    format('process %s (%s), in a transaction for %s s, last query: %s', a.pid,
      coalesce(nullif(a.application_name, ''), 'no application name'),
      round(extract(epoch from clock_timestamp() - a.xact_start)),
      regexp_replace(left(a.query, 200), '\s+', ' ', 'g')),
    '; ' order by a.xact_start
  ) into v_users
  from pg_catalog.pg_stat_activity a
  where a.pid <> pg_catalog.pg_backend_pid() and exists (
    select from pg_catalog.pg_locks l
    where l.pid = a.pid and l.granted and l.relation = v_table
      and (
        v_mode = 'access exclusive' or l.mode in ('ShareUpdateExclusiveLock', 'ShareLock',
          'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        or v_mode <> 'share update exclusive' and l.mode = 'RowExclusiveLock'
      )
  );
  raise exception '% is in use: no lock in mode % within %', v_table, v_mode,
      case v_mode when 'share update exclusive' then v_patience else v_budget end
    using errcode = 'lock_not_available',
          detail = coalesce(v_users, 'nobody any more'),
          hint = 'End those sessions or choose a quieter time, then try again.';
end
$function$;
