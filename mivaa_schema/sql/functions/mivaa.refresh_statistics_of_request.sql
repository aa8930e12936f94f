create function mivaa.refresh_statistics_of_request()
returns table (table_name text, status text, details text)
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- mivaa.refresh_statistics for users: the one who asks must manage documents.
begin
  perform mivaa.require_permission('manage_documents');
  return query select s.table_name, s.status, s.details from mivaa.refresh_statistics() s;
end
$function$;
