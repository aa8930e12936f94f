-- level: error
-- remedy: revoke select on the view, or move it out of the schemas of the API
select distinct v.name as object, 'shows auth.users to ' || v.readers as detail
from pg_depend d
join pg_rewrite w on w.oid = d.objid and d.classid = 'pg_rewrite'::regclass
join relations v on v.oid = w.ev_class
where d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass('auth.users')
  and v.in_api and v.readers is not null and (
    v.relkind = 'm' or not v.is_invoker
    or not (select c.relrowsecurity from pg_class c where c.oid = d.refobjid)
  )
