-- What others have built on objects that a downgrade drops: kind and identity of the object, and
-- the name of the dropped one.
with ours as (
  select * from jsonb_to_recordset(cast(:ours as jsonb))
    as o (kind text, name text, "table" text, dropped boolean)
), found (class, oid, part, name, dropped) as (
  select 'pg_catalog.pg_class'::regclass, c.oid, 0, o.name, o.dropped
  from ours o join pg_catalog.pg_class c on c.oid = to_regclass(o.name)
  where o.kind in ('table', 'index')
  union all
  -- A type of its rows.
  select 'pg_catalog.pg_type'::regclass, t.oid, 0, o.name, o.dropped
  from ours o join pg_catalog.pg_class c on c.oid = to_regclass(o.name)
  join pg_catalog.pg_type t on t.oid = c.reltype or t.typelem = c.reltype and t.typcategory = 'A'
  where o.kind = 'table'
  union all
  select 'pg_catalog.pg_class'::regclass, a.attrelid, a.attnum, format('%s.%s', o."table", o.name),
    o.dropped
  from ours o
  join pg_catalog.pg_attribute a on a.attrelid = to_regclass(o."table") and a.attname = o.name
  where o.kind = 'column'
  union all
  select 'pg_catalog.pg_proc'::regclass, f.oid, 0, o.name || '()', o.dropped
  from ours o
  join pg_catalog.pg_namespace n on n.nspname = split_part(o.name, '.', 1)
  join pg_catalog.pg_proc f on f.pronamespace = n.oid
    and f.proname = split_part(split_part(o.name, '.', 2), '(', 1)
  where o.kind in ('function', 'alias')
  union all
  select 'pg_catalog.pg_policy'::regclass, p.oid, 0, o.name, o.dropped
  from ours o
  join pg_catalog.pg_policy p on p.polrelid = to_regclass(o."table") and p.polname = o.name
  where o.kind = 'policy'
  union all
  select 'pg_catalog.pg_trigger'::regclass, g.oid, 0, o.name, o.dropped
  from ours o
  join pg_catalog.pg_trigger g on g.tgrelid = to_regclass(o."table") and g.tgname = o.name
  where o.kind = 'trigger'
  union all
  select 'pg_catalog.pg_constraint'::regclass, k.oid, 0, format('%s of %s', o.name, o."table"),
    o.dropped
  from ours o
  join pg_catalog.pg_constraint k on k.conrelid = to_regclass(o."table") and k.conname = o.name
  where o.kind in ('check', 'foreign_key', 'unique', 'exclusion')
), known as (
  -- What is ours is dropped before, or gets its former definition back.
  select class, oid from found where part = 0
)
select coalesce(w.kind, i.type), coalesce(w.name, i.identity), min(o.name)
from found o
join pg_catalog.pg_depend d on d.refclassid = o.class and d.refobjid = o.oid
  -- A table goes with all of its columns.
  and (d.refobjsubid = o.part or o.part = 0)
  and d.deptype = 'n'
cross join lateral pg_identify_object(d.classid, d.objid, d.objsubid) i
-- A view depends on its tables through its rule.
left join lateral (
  select case c.relkind when 'm' then 'materialized view' else 'view' end as kind,
    format('%I.%I', n.nspname, c.relname) as name
  from pg_catalog.pg_rewrite r
  join pg_catalog.pg_class c on c.oid = r.ev_class
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where d.classid = 'pg_catalog.pg_rewrite'::regclass and r.oid = d.objid and c.relkind in ('v', 'm')
) w on true
where o.dropped
  and not exists (select from known k where k.class = d.classid and k.oid = d.objid)
  -- What lies on a dropped table and depends on that alone goes with it.
  and not exists (
    select from known k
    where k.class = 'pg_catalog.pg_class'::regclass and o.class = k.class and o.oid = k.oid
      and k.oid = any (array[
        (select p.polrelid from pg_catalog.pg_policy p
         where d.classid = 'pg_catalog.pg_policy'::regclass and p.oid = d.objid),
        (select x.conrelid from pg_catalog.pg_constraint x
         where d.classid = 'pg_catalog.pg_constraint'::regclass and x.oid = d.objid),
        (select g.tgrelid from pg_catalog.pg_trigger g
         where d.classid = 'pg_catalog.pg_trigger'::regclass and g.oid = d.objid),
        (select a.adrelid from pg_catalog.pg_attrdef a
         where d.classid = 'pg_catalog.pg_attrdef'::regclass and a.oid = d.objid),
        case when d.classid = 'pg_catalog.pg_class'::regclass then d.objid end]))
group by 1, 2
order by 1, 2
