-- A trigger whose function belongs to another role: it would run as whoever writes.
select format('trigger %I on %s', t.tgname, e.relation),
  format('one that executes %s of role %I', f.oid::regprocedure, r.rolname),
  'a function of the owner of the table',
  format('drop trigger %I on %s; or give the function to the owner: alter function %s owner to %I;',
    t.tgname, e.relation, f.oid::regprocedure, pg_get_userbyid(c.relowner))
from all_tables as e
join pg_catalog.pg_class c on c.oid = to_regclass(e.relation)
join pg_catalog.pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
join pg_catalog.pg_proc f on f.oid = t.tgfoid
join pg_catalog.pg_roles r on r.oid = f.proowner
where pg_has_role(c.relowner, 'usage') and not r.rolsuper
  and not pg_has_role(r.oid, c.relowner, 'member')
