-- Rows under the name that our own records bear: they would be overwritten.
-- needs: public.migration_tracking.migration_name
select 'public.migration_tracking',
  format('holding %s row(s) of migration %L', count(*), t.migration_name),
  'no row of that migration, whose name the upgrade uses',
  format('update public.migration_tracking set migration_name = %L where migration_name = %L;',
    t.migration_name || '_old', t.migration_name)
from public.migration_tracking t
where t.migration_name = '{migration}'
  and exists (select from {tables} as e where e.name = 'migration_tracking' and e.pending)
group by t.migration_name
