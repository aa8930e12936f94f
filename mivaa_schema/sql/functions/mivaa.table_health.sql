create function mivaa.table_health()
returns table (operation text, status text, details text, object_name text)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- What slows the platform's tables down and needs their owner: indexes that are INVALID or not
-- used, tables with many dead rows. It changes nothing and names no sizes. What is used and what is
-- dead depends on all workspaces, and is counted for roles that see them all.
declare
  v_sees_all constant boolean := not row_security_active('public.documents'::regclass);
  v_tables constant regclass[] := array[
    'public.documents', 'public.document_chunks', 'public.pdf_documents',
    'public.processed_documents', 'public.workspaces', 'public.workspace_members'
  ]::regclass[];
  -- An index of less than a megabyte costs next to nothing.
  v_small constant integer := 128;
begin
  return query
  select
    'index_health'::text,
    'ATTENTION'::text,
    case
      when not (i.indisvalid and i.indisready) then
        'The index is INVALID: its build has failed, or still runs. If it does not run, the owner '
        'repairs it with REINDEX INDEX CONCURRENTLY.'
      else
        format(
          'No query has used the index since %s. If that holds for a usual week, the owner can '
          'drop it: it costs every write.',
          coalesce(to_char(r.stats_reset, 'YYYY-MM-DD'), 'the server counts')
        )
    end,
    i.indexrelid::regclass::text
  from pg_catalog.pg_index i
  join pg_catalog.pg_class x on x.oid = i.indexrelid
  cross join (
    select pg_stat_get_db_stat_reset_time(d.oid) as stats_reset
    from pg_catalog.pg_database d
    where d.datname = current_database()
  ) r
  where i.indrelid = any (v_tables)
    and (
      not (i.indisvalid and i.indisready)
      or (
        v_sees_all and not i.indisunique and x.relpages >= v_small
        and pg_stat_get_numscans(i.indexrelid) = 0
      )
    )
  order by 4;
  if not found then
    return query
    select
      'index_health'::text, 'OK'::text,
      case
        when v_sees_all then 'Every index is valid, and every one of a megabyte or more is in use.'
        else 'Every index is valid.'
      end,
      null::text;
  end if;
  if not v_sees_all then
    return;
  end if;
  return query
  select
    'table_bloat'::text,
    'ATTENTION'::text,
    format(
      'About %s %% of the rows in the table are dead. Autovacuum removes them when they are '
      'enough, the owner with VACUUM at once; a function cannot.',
      round(100.0 * t.dead / (t.live + t.dead))
    ),
    t.name
  from (
    select
      o.oid::text as name,
      pg_stat_get_live_tuples(o.oid) as live,
      pg_stat_get_dead_tuples(o.oid) as dead
    from unnest(v_tables) o (oid)
  ) t
  where t.dead >= 1000 and t.dead >= 0.2 * (t.live + t.dead)
  order by t.name;
  if not found then
    return query
    select
      'table_bloat'::text, 'OK'::text, 'No table has many dead rows.'::text, null::text;
  end if;
end
$function$;
