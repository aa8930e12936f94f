-- An index of ours whose build was cut off; the upgrade builds it anew.
select 'public.' || e.name, 'INVALID', 'a valid index',
  'Nothing to do: the upgrade builds it anew.'
from {all_indexes} as e
join pg_catalog.pg_index i on i.indexrelid = to_regclass('public.' || quote_ident(e.name))
where not i.indisvalid
