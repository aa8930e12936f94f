-- A trigger has the name of one that is to be created, and no interrupted run created it.
select format('trigger %I on %s', t.tgname, e.relation), 'one that calls ' || f.oid::regprocedure,
  'no trigger of that name',
  format('alter trigger %I on %s rename to %I;', t.tgname, e.relation, t.tgname || '_platform')
from pending_triggers as e
join pg_catalog.pg_trigger t on t.tgrelid = to_regclass(e.relation) and t.tgname = e.name
join pg_catalog.pg_proc f on f.oid = t.tgfoid
join pg_catalog.pg_namespace n on n.oid = f.pronamespace
where n.nspname <> 'mivaa' or :revision = ''
