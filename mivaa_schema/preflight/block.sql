do $mivaa$
-- Looks for what stands in the way of the upgrade, and changes nothing.
declare
  {declarations}
  v_revision text := '';
  v_ledger text[] := '{}';
  v_usable text[];
  v_definitions jsonb := '{}';
  v_definition text;
  v_index record;
  v_findings jsonb := '[]';
  v_list text;
begin
  -- What an earlier run has done: its revision, and what it has recorded.
  if exists (
    select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'mivaa' and c.relname = 'alembic_version'
      and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
  ) then
    select coalesce(max(version_num), '') into v_revision from mivaa.alembic_version;
  end if;
  if v_revision <> '' then
    select coalesce(array_agg(kind || ' ' || object_name), '{}') into v_ledger from mivaa.ledger;
  end if;

  -- Columns whose rows can be looked at: they are there, of a type that will do, and open to us.
  select array_agg(e.relation || '.' || e.column_name) into v_usable
  from {columns} as e
  join pg_catalog.pg_class c on c.oid = to_regclass(e.relation) and c.relkind in ('r', 'p')
  join pg_catalog.pg_attribute a
    on a.attrelid = c.oid and a.attname = e.column_name and not a.attisdropped
  where has_column_privilege(c.oid, a.attnum, 'select')
    and format_type(a.atttypid, a.atttypmod) ~ e.accepted;
  select v_usable || array_agg('auth.users.id'::text) into v_usable
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'auth' and c.relname = 'users'
    and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select');

  -- How PostgreSQL prints the definition of an index that bears the name of one of ours: ours is
  -- built on an empty temporary table with the columns that are there, and ours where they lack.
  for v_index in
    select e.*
    from {indexes} as e
    join pg_catalog.pg_index i
      on i.indexrelid = to_regclass('public.' || quote_ident(e.name))
      and i.indrelid = to_regclass(e.relation)
    where e.revision > v_revision and not 'index public.' || e.name = any (v_ledger)
      and current_setting('transaction_read_only') = 'off'
  loop
    execute (
      select format('create temporary table mivaa_probe (%s)', string_agg(format('%I %s',
        e.column_name, coalesce(format_type(a.atttypid, a.atttypmod), e.type)), ', '))
      from {columns} as e
      left join pg_catalog.pg_attribute a
        on a.attrelid = to_regclass(e.relation) and a.attname = e.column_name
        and not a.attisdropped and e.relation || '.' || e.column_name = any (v_usable)
      where e.relation = v_index.relation
        and (a.attnum is not null or to_regtype(e.type) is not null)
    );
    begin
      execute format('create %s mivaa_probe_index on mivaa_probe %s',
        case when v_index.is_unique then 'unique index' else 'index' end, v_index.definition);
      v_definition := pg_get_indexdef('pg_temp.mivaa_probe_index'::regclass);
    exception when undefined_column or undefined_object then
      -- It needs a type that is not installed yet: what is there under its name is another.
      v_definition := v_index.definition;
    end;
    drop table mivaa_probe;
    v_definitions := v_definitions
      || jsonb_build_object(v_index.name, substring(v_definition from ' USING .*'));
  end loop;

  -- What earlier runs have done is not looked at again.
  select coalesce(jsonb_agg(
    e || jsonb_build_object('pending', e ->> 'revision' > v_revision)), '[]') into v_tables
  from jsonb_array_elements(v_tables) e;
  {pending}

  {checks}
  {tail}
end
$mivaa$
