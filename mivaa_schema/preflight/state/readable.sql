-- Columns that exist, have a type that is accepted, and can be read: schema.table.column.
select coalesce(array_agg(r.name), '{}') from (
  select e.object_name as name
  from all_columns as e
  join pg_catalog.pg_class c on c.oid = to_regclass(e.relation) and c.relkind in ('r', 'p')
  join pg_catalog.pg_attribute a
    on a.attrelid = c.oid and a.attname = e.column_name and not a.attisdropped
  where has_column_privilege(c.oid, a.attnum, 'select')
    and format_type(a.atttypid, a.atttypmod) ~ e.accepts
  union all
  -- By the catalog: a name in a schema that is closed to this role cannot be looked up.
  select n.nspname || '.' || c.relname || '.' || a.attname
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a
    on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where (n.nspname, c.relname) in
      (('auth', 'users'), ('mivaa', 'alembic_version'), ('mivaa', 'ledger'))
    and c.relkind in ('r', 'p')
    and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
) r
