-- Rollback SQL of another origin: the owner of the table would execute it.
-- needs: public.migration_tracking.rollback_sql
select 'public.migration_tracking', format('holding rollback_sql in %s row(s)', count(*)),
  'rollback_sql that the upgrade writes',
  'Keep a copy, then: update public.migration_tracking set rollback_sql = null;'
from public.migration_tracking t
where t.rollback_sql is not null
  and exists (select from pending_tables as e where e.table_name = 'migration_tracking')
having count(*) > 0
