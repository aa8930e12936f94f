-- Our kinds of objects that would have to be dropped before what they depend on.
with tables as (
  select c.oid, format('%I.%I', n.nspname, c.relname) as name, n.nspname
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('public', 'mivaa') and c.relkind in ('r', 'p')
), dependent (class, oid, kind, name, on_table) as (
  select 'pg_catalog.pg_policy'::regclass, p.oid, 'policy', quote_ident(p.polname), t.name
  from pg_catalog.pg_policy p join tables t on t.oid = p.polrelid
  union all
  select 'pg_catalog.pg_trigger'::regclass, g.oid, 'trigger', quote_ident(g.tgname), t.name
  from pg_catalog.pg_trigger g join tables t on t.oid = g.tgrelid and not g.tgisinternal
  union all
  select 'pg_catalog.pg_constraint'::regclass, k.oid, 'constraint', quote_ident(k.conname), t.name
  from pg_catalog.pg_constraint k join tables t on t.oid = k.conrelid and k.contype = 'f'
), referenced (class, oid, part, kind, name, on_table) as (
  select 'pg_catalog.pg_proc'::regclass, f.oid, 0, 'function', format('%I.%I(%s)', n.nspname,
    f.proname, oidvectortypes(f.proargtypes)), ''
  from pg_catalog.pg_proc f join pg_catalog.pg_namespace n on n.oid = f.pronamespace
  where n.nspname in ('public', 'mivaa')
  union all
  select 'pg_catalog.pg_class'::regclass, a.attrelid, a.attnum, 'column', quote_ident(a.attname),
    t.name
  from pg_catalog.pg_attribute a join tables t on t.oid = a.attrelid and a.attnum > 0
  union all
  select 'pg_catalog.pg_class'::regclass, i.oid, 0, 'index', format('%I.%I', t.nspname, i.relname),
    t.name
  from pg_catalog.pg_index x join tables t on t.oid = x.indrelid
  join pg_catalog.pg_class i on i.oid = x.indexrelid
  union all
  select 'pg_catalog.pg_class'::regclass, k.conindid, 0, 'constraint', quote_ident(k.conname),
    t.name
  from pg_catalog.pg_constraint k join tables t on t.oid = k.conrelid and k.contype in ('p', 'u')
)
select distinct r.kind, r.name, r.on_table, p.kind, p.name, p.on_table
from pg_catalog.pg_depend d
join dependent p on p.class = d.classid and p.oid = d.objid
join referenced r on r.class = d.refclassid and r.oid = d.refobjid and r.part = d.refobjsubid
where p.kind <> 'constraint' or r.kind <> 'column'
