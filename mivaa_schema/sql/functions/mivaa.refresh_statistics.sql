create function mivaa.refresh_statistics()
returns table (table_name text, status text, details text)
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Renews the planner's statistics of the document tables, of each at most every ten minutes, and
-- says which were renewed indeed. A definer, because ANALYZE by anybody but the owner is skipped
-- with a warning. It waits for no lock: other maintenance that holds one does the same work.
declare
  v_pause constant interval := interval '10 minutes';
  v_table regclass;
  v_before timestamptz;
  v_after timestamptz;
begin
  foreach v_table in array array[
    'public.documents', 'public.document_chunks',
    'public.pdf_documents', 'public.processed_documents'
  ]::regclass[]
  loop
    table_name := v_table::text;
    perform pg_stat_clear_snapshot();
    v_before := greatest(
      pg_stat_get_last_analyze_time(v_table), pg_stat_get_last_autoanalyze_time(v_table)
    );
    if v_before > clock_timestamp() - v_pause then
      status := 'SKIPPED';
      details := format(
        'The statistics are of %s; they are renewed at most every %s minutes.',
        to_char(v_before, 'YYYY-MM-DD HH24:MI:SS TZ'), extract(minute from v_pause)
      );
      return next;
      continue;
    end if;
    execute format('analyze (skip_locked) %s', v_table);
    perform pg_stat_clear_snapshot();
    v_after := pg_stat_get_last_analyze_time(v_table);
    if v_after > coalesce(v_before, '-infinity') then
      status := 'COMPLETED';
      details := format(
        'The statistics of the table, which all workspaces share, were renewed at %s.',
        to_char(v_after, 'YYYY-MM-DD HH24:MI:SS TZ')
      );
    else
      status := 'SKIPPED';
      details := 'The statistics were not renewed: other maintenance has locked the table, or '
        'the server keeps no counts (track_counts). Try again later.';
    end if;
    return next;
  end loop;
end
$function$;
