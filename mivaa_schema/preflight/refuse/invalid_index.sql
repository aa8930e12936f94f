-- A script cannot mend an index whose build was cut off; an upgrade by Alembic does it itself.
select 'public.' || e.name, 'INVALID', 'a valid index, or none',
  format('drop index concurrently public.%I;', e.name)
from {indexes} as e
join pg_catalog.pg_index i on i.indexrelid = to_regclass('public.' || quote_ident(e.name))
where v_offline and not i.indisvalid
