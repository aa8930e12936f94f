create function public.rollback_migration_phase(migration_name_param text, phase_param text)
returns table (operation text, status text, details text)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $function$
-- Rolls a completed phase back: executes the downgrades that the chain recorded for it. Leaves
-- the schema, and the revision that Alembic reads, as "alembic downgrade" would. For the owner of
-- the tables alone. Refuses while an upgrade runs, while a later phase is still in place, and what
-- somebody else has put into the table.
declare
  v_phase public.migration_tracking;
  v_later text;
  v_interrupted text;
  v_before text;
  v_after text;
begin
  if not pg_try_advisory_xact_lock(6841377215308129) then
    raise exception 'an upgrade or a downgrade is running'
      using errcode = 'lock_not_available', hint = 'Wait until it has ended, then call again.';
  end if;
  select l.object_name into v_interrupted from mivaa.ledger l where l.kind = 'revision';
  if v_interrupted is not null then
    raise exception 'revision % is interrupted: part of it is in the database', v_interrupted
      using errcode = 'object_not_in_prerequisite_state',
            hint = '"alembic upgrade head" completes it, "alembic downgrade" reverts it.';
  end if;
  select t.* into v_phase from public.migration_tracking t
  where t.migration_name = migration_name_param and t.phase = phase_param;
  if not found then
    raise exception 'no phase % is recorded for migration %',
      coalesce(quote_literal(phase_param), 'null'),
      coalesce(quote_literal(migration_name_param), 'null')
      using errcode = 'invalid_parameter_value',
            hint = 'Recorded are: ' || coalesce(
              (select left(string_agg(
                 regexp_replace(t.migration_name || '/' || t.phase, '[[:cntrl:]]', '?', 'g'), ', '
                 order by t.started_at), 500)
               from public.migration_tracking t), 'none') || '.';
  end if;
  if v_phase.status <> 'completed' then
    raise exception 'phase % is %, expected completed', quote_literal(phase_param), v_phase.status
      using errcode = 'object_not_in_prerequisite_state',
            hint = 'Only a completed phase can be rolled back. "alembic upgrade head" completes one '
              'that is running, "alembic downgrade" takes it back.';
  end if;
  if v_phase.rollback_sql is null then
    raise exception 'phase % has no rollback SQL', quote_literal(phase_param)
      using errcode = 'object_not_in_prerequisite_state',
            hint = 'Revert it with "alembic downgrade".';
  end if;
  if not exists (
    select from mivaa.ledger l
    where l.kind = 'rollback'
      and l.object_name = v_phase.migration_name || '/' || v_phase.phase
      and l.former = encode(sha256(convert_to(v_phase.rollback_sql, 'UTF8')), 'hex')
  ) then
    raise exception 'the rollback SQL of phase % is not what mark_migration_complete recorded',
      quote_literal(phase_param)
      using errcode = 'object_not_in_prerequisite_state',
            hint = 'Nothing was executed: somebody else may have written it. Revert the phase '
              'with "alembic downgrade".';
  end if;
  select left(string_agg(
    regexp_replace(t.phase, '[[:cntrl:]]', '?', 'g'), ', ' order by t.started_at desc), 500)
  into v_later
  from public.migration_tracking t
  where t.migration_name = migration_name_param
    and t.status in ('running', 'completed')
    and t.started_at > v_phase.started_at;
  if v_later is not null then
    raise exception 'phase % cannot go before: %', quote_literal(phase_param), v_later
      using errcode = 'object_not_in_prerequisite_state',
            hint = 'Roll those back first, in the order given; one that is not completed is '
              'reverted by "alembic downgrade".';
  end if;
  select v.version_num::text into v_before from mivaa.alembic_version v;
  -- It names the type of vectors, wherever pgvector was installed.
  perform pg_catalog.set_config(
    'search_path', format('pg_catalog, %I, pg_temp', n.nspname), true
  )
  from pg_catalog.pg_extension e
  join pg_catalog.pg_namespace n on n.oid = e.extnamespace
  where e.extname = 'vector';
  execute v_phase.rollback_sql;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  select v.version_num::text into v_after from mivaa.alembic_version v;
  if v_after is not distinct from v_before then
    raise exception 'the rollback SQL of phase % does not fit revision %',
      quote_literal(phase_param), v_before
      using errcode = 'object_not_in_prerequisite_state',
            hint = 'Nothing was changed. Take the phase back with "alembic downgrade".';
  end if;
  perform pg_notify('pgrst', 'reload schema');
  return query select
    'rollback_execution'::text, 'COMPLETED'::text,
    format('Phase %s is rolled back; revision %s is now %s.', phase_param, v_before, v_after);
end
$function$;
