create function mivaa.refresh_statistics_of_request()
returns table (table_name text, status text, details text)
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- mivaa.refresh_statistics for users: the one who asks must manage documents. When statistics were
-- renewed depends on what all workspaces write, so that is not said.
begin
  perform mivaa.require_permission('manage_documents');
  return query
  select s.table_name, s.status,
    case s.status
      when 'COMPLETED' then s.details
      else 'The statistics were renewed less than ten minutes ago, or other maintenance has locked '
        'the table. Try again later.'
    end
  from mivaa.refresh_statistics() s;
end
$function$;
