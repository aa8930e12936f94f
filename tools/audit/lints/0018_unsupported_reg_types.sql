-- level: warning
-- remedy: keep the name as text: pg_upgrade refuses columns of these types
select r.name || '.' || a.attname as object, 'is of type ' || format_type(a.atttypid, null) as detail
from pg_attribute a join relations r on r.oid = a.attrelid
where a.attnum > 0 and not a.attisdropped and r.relkind in ('r', 'p', 'm', 'f')
  and a.atttypid in (
    'regcollation'::regtype, 'regconfig'::regtype, 'regdictionary'::regtype, 'regnamespace'::regtype,
    'regoper'::regtype, 'regoperator'::regtype, 'regproc'::regtype, 'regprocedure'::regtype
  )
