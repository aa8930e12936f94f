-- An index of the schema is invalid, since its build was interrupted.
select e.qualified, 'INVALID', 'a valid index',
  'Nothing to do: the upgrade builds it again.'
from all_indexes as e
join pg_catalog.pg_index i on i.indexrelid = to_regclass(e.qualified)
where not i.indisvalid
