create function mivaa.platform_statements()
returns table (
  query_type text,
  avg_execution_time_ms numeric,
  total_calls bigint,
  cache_hit_ratio numeric,
  max_execution_time_ms numeric,
  rows_per_call numeric,
  details text
)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- The twenty statements on documents and chunks that have taken the most time in this database,
-- from pg_stat_statements: of all workspaces, since it knows none. Nothing where it is not
-- installed. With the rights of the caller, who sees the texts that pg_stat_statements shows it.
declare
  v_view text;
begin
  select format('%I.pg_stat_statements', n.nspname) into v_view
  from pg_catalog.pg_extension e
  join pg_catalog.pg_namespace n on n.oid = e.extnamespace
  where e.extname = 'pg_stat_statements';
  if v_view is null then
    return;
  end if;
  return query execute format(
    $query$
      select
        'statement ' || s.queryid,
        round((s.total_exec_time / s.calls)::numeric, 3),
        s.calls,
        round(s.shared_blks_hit::numeric / nullif(s.shared_blks_hit + s.shared_blks_read, 0), 4),
        round(s.max_exec_time::numeric, 3),
        round(s.rows::numeric / s.calls, 1),
        left(regexp_replace(s.query, '\s+', ' ', 'g'), 500)
      from %s s
      join pg_catalog.pg_database d on d.oid = s.dbid
      where d.datname = current_database()
        and s.calls > 0
        and s.query ~* '^\s*(select|insert|update|delete|merge|with)\M'
        and s.query ~* '(documents|document_chunks)'
      order by s.total_exec_time desc
      limit 20
    $query$,
    v_view
  );
exception
  -- Not preloaded, of a version with other columns, or closed to the caller.
  when object_not_in_prerequisite_state or undefined_column or insufficient_privilege then
    query_type := 'pg_stat_statements';
    total_calls := 0;
    details := 'installed, but it cannot be read: ' || sqlerrm;
    return next;
end
$function$;
