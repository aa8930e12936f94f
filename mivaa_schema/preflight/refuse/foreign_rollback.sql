-- Rollback SQL that we have not written: the owner of the table would execute it.
-- needs: public.migration_tracking.rollback_sql
select 'public.migration_tracking', format('holding rollback_sql in %s row(s)', count(*)),
  'rollback_sql that the upgrade writes',
  'Keep a copy, then: update public.migration_tracking set rollback_sql = null;'
from public.migration_tracking t
where t.rollback_sql is not null
  and exists (select from {tables} as e where e.name = 'migration_tracking' and e.pending)
having count(*) > 0
