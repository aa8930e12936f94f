create function public.mark_migration_complete(
  migration_name_param text, phase_param text, rollback_sql_param text default null
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- Records that a phase of a migration is complete. For the owner of the tables alone: what stands
-- in rollback_sql is executed with the owner's rights.
begin
  if migration_name_param is null or phase_param is null
    or btrim(migration_name_param) = '' or btrim(phase_param) = ''
  then
    raise exception 'a migration and a phase are needed, found migration % and phase %',
      coalesce(quote_literal(migration_name_param), 'null'),
      coalesce(quote_literal(phase_param), 'null')
      using errcode = 'invalid_parameter_value',
            hint = 'Call mark_migration_complete(migration_name, phase [, rollback_sql]).';
  end if;
  insert into public.migration_tracking as t
    (migration_name, phase, status, started_at, completed_at, rollback_sql, created_by)
  values (
    migration_name_param, phase_param, 'completed', clock_timestamp(), clock_timestamp(),
    rollback_sql_param, auth.uid()
  )
  on conflict (migration_name, phase) do update set
    status = 'completed',
    completed_at = excluded.completed_at,
    error_message = null,
    rollback_sql = coalesce(excluded.rollback_sql, t.rollback_sql);
  -- What stands in the table may have come there otherwise, so only this is ever executed.
  if rollback_sql_param is not null then
    insert into mivaa.ledger as l (kind, object_name, former)
    values (
      'rollback',
      migration_name_param || '/' || phase_param,
      encode(sha256(convert_to(rollback_sql_param, 'UTF8')), 'hex')
    )
    on conflict (kind, object_name) do update set former = excluded.former;
  end if;
end
$function$;
