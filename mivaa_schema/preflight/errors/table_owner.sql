-- A table belongs to a role whose rights this role does not have.
select e.relation, format('a table of role %I', pg_get_userbyid(c.relowner)),
  format('a table of role %I', current_user),
  format('alter table %s owner to %I;', e.relation, current_user)
from all_tables as e
join pg_catalog.pg_class c on c.oid = to_regclass(e.relation) and c.relkind in ('r', 'p')
where not pg_has_role(c.relowner, 'usage')
