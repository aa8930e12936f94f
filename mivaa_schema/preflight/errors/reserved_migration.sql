-- Rows under the name of the upgrade's own records: they would be overwritten.
-- needs: public.migration_tracking.migration_name
select 'public.migration_tracking',
  format('holding %s row(s) of migration %L', count(*), t.migration_name),
  'no row of that migration, whose name the upgrade uses',
  format('update public.migration_tracking set migration_name = %L where migration_name = %L;',
    t.migration_name || '_old', t.migration_name)
from public.migration_tracking t
where t.migration_name = 'mivaa_integration'
  and exists (select from pending_tables as e where e.table_name = 'migration_tracking')
group by t.migration_name
