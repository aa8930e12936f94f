-- A script cannot build an invalid index again; an upgrade by Alembic does it itself.
select e.qualified, 'INVALID', 'a valid index, or none',
  format('drop index concurrently %s;', e.qualified)
from pending_indexes as e
join pg_catalog.pg_index i on i.indexrelid = to_regclass(e.qualified)
where :is_script and not i.indisvalid
