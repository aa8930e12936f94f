with tables as (
  -- Every object in public and mivaa, but for what belongs to an extension, with its properties.
  select c.*, format('%I.%I', n.nspname, c.relname) as name, n.nspname
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
    and n.nspname in ('public', 'mivaa') and c.relkind in ('r', 'p')
    and (n.nspname, c.relname) <> ('mivaa', 'alembic_version')
  where not exists (
    select from pg_depend e
    where e.deptype = 'e' and e.classid = 'pg_class'::regclass and e.objid = c.oid)
), functions as (
  select f.*, n.nspname from pg_proc f join pg_namespace n on n.oid = f.pronamespace
  where n.nspname in ('public', 'mivaa') and f.prokind in ('f', 'p') and not exists (
    select from pg_depend e
    where e.deptype = 'e' and e.classid = 'pg_proc'::regclass and e.objid = f.oid)
), granted (kind, oid, part, owner, acl) as (
  select 'schema', oid, 0, nspowner, coalesce(nspacl, acldefault('n', nspowner))
  from pg_namespace where nspname = 'mivaa'
  union all
  select 'table', oid, 0, relowner, coalesce(relacl, acldefault('r', relowner)) from tables
  union all
  select 'column', a.attrelid, a.attnum, t.relowner, a.attacl
  from pg_attribute a join tables t on t.oid = a.attrelid where a.attacl is not null
  union all
  select 'function', oid, 0, proowner, coalesce(proacl, acldefault('f', proowner)) from functions
), grants as (
  -- In the order in which the grantees have come, which a dump shows. MAINTAIN, which the owner
  -- has from PostgreSQL 17 on, is left out.
  select g.kind, g.oid, g.part, string_agg(
    case e.grantee when 0 then 'public' when g.owner then 'owner'
      else e.grantee::regrole::text end || '=' || e.privilege_type
      || case when e.is_grantable then '*' else '' end, ', ' order by i.place, e.privilege_type
  ) as acl
  from granted g, unnest(g.acl) with ordinality i (item, place), aclexplode(array[i.item]) e
  where e.privilege_type <> 'MAINTAIN' or e.grantee <> g.owner
  group by g.kind, g.oid, g.part
), found (place, oid, part, kind, name, on_table, properties) as (
  select 1, n.oid, 0, 'schema', quote_ident(n.nspname), '', json_build_object(
    'acl', g.acl, 'comment', obj_description(n.oid, 'pg_namespace'))
  from pg_namespace n left join grants g on g.kind = 'schema' and g.oid = n.oid
  where n.nspname = 'mivaa'
  union all
  select 2, t.oid, 0, 'table', t.name, '', json_build_object(
    'row_security', case when t.relrowsecurity then 'on' else 'off' end,
    'force_row_security', case when t.relforcerowsecurity then 'on' else 'off' end,
    'options', (select string_agg(o, ', ' order by o) from unnest(t.reloptions) o),
    'acl', g.acl, 'comment', obj_description(t.oid, 'pg_class'))
  from tables t left join grants g on g.kind = 'table' and g.oid = t.oid
  union all
  select 3, t.oid, a.attnum, 'column', quote_ident(a.attname), t.name, json_build_object(
    'type', format_type(a.atttypid, a.atttypmod),
    'nullable', case when a.attnotnull then 'not null' else 'null' end,
    'default', pg_get_expr(d.adbin, d.adrelid),
    'generated', nullif(a.attgenerated::text, ''),
    'identity', nullif(a.attidentity::text, ''),
    'storage', case a.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main'
      else 'extended' end,
    'acl', g.acl, 'comment', col_description(t.oid, a.attnum))
  from tables t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
  left join grants g on g.kind = 'column' and g.oid = t.oid and g.part = a.attnum
  union all
  select 4, k.oid, 0, 'constraint', quote_ident(k.conname), t.name, json_build_object(
    'type', k.contype,
    'definition', regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''),
    'validated', case when k.convalidated then 'yes' else 'no' end)
  from tables t join pg_constraint k on k.conrelid = t.oid
    and k.contype in ('p', 'u', 'f', 'c', 'x')
  union all
  select 5, i.oid, 0, 'index', format('%I.%I', t.nspname, i.relname), t.name, json_build_object(
    'definition', pg_get_indexdef(i.oid),
    'valid', case when x.indisvalid then 'yes' else 'no' end)
  from tables t join pg_index x on x.indrelid = t.oid join pg_class i on i.oid = x.indexrelid
  where not exists (
    select from pg_constraint k where k.conindid = i.oid and k.contype in ('p', 'u', 'x'))
  union all
  select 6, g.oid, 0, 'trigger', quote_ident(g.tgname), t.name, json_build_object(
    'definition', pg_get_triggerdef(g.oid),
    'enabled', case g.tgenabled when 'O' then 'yes' when 'D' then 'no' when 'R' then 'replica'
      else 'always' end,
    'comment', obj_description(g.oid, 'pg_trigger'))
  from tables t join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
  union all
  select 7, p.oid, 0, 'policy', quote_ident(p.polname), t.name, json_build_object(
    'kind', case when p.polpermissive then 'permissive' else 'restrictive' end,
    'command', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
      when 'd' then 'delete' else 'all' end,
    'roles', (
      select string_agg(case r when 0 then 'public' else r::regrole::text end, ', ' order by r)
      from unnest(p.polroles) r),
    'using', pg_get_expr(p.polqual, t.oid),
    'check', pg_get_expr(p.polwithcheck, t.oid),
    'comment', obj_description(p.oid, 'pg_policy'))
  from tables t join pg_policy p on p.polrelid = t.oid
  union all
  select 8, f.oid, 0, 'function',
    format('%I.%I(%s)', f.nspname, f.proname, pg_get_function_identity_arguments(f.oid)), '',
    json_build_object(
      'signature',
        format('(%s) returns %s', pg_get_function_arguments(f.oid), pg_get_function_result(f.oid)),
      'types', oidvectortypes(f.proargtypes),
      'definition', pg_get_functiondef(f.oid),
      'acl', g.acl, 'comment', obj_description(f.oid, 'pg_proc'))
  from functions f left join grants g on g.kind = 'function' and g.oid = f.oid
)
select kind, name, on_table, properties from found order by place, oid, part
