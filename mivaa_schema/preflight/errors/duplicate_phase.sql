-- A phase is recorded twice in a table that the upgrade has not created.
-- needs: public.migration_tracking.migration_name, public.migration_tracking.phase
select 'public.migration_tracking',
  format('holding %s rows of phase %L of migration %L', count(*), t.phase, t.migration_name),
  'one row for each phase', 'Delete all but the last one.'
from public.migration_tracking t
where t.migration_name is not null and t.phase is not null
  and exists (select from pending_tables as e where e.table_name = 'migration_tracking')
group by t.migration_name, t.phase having count(*) > 1
order by t.migration_name, t.phase limit 20
