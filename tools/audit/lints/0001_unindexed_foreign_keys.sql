-- level: info
-- remedy: create an index that begins with the columns of the key
select r.name || ': ' || c.conname as object, 'no index begins with the columns of this key' as detail
from pg_constraint c join relations r on r.oid = c.conrelid
where c.contype = 'f' and not exists (
  select from pg_index i
  where i.indrelid = c.conrelid and i.indisvalid
    -- The order of the first columns does not matter to a search for all of them.
    and (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey
    -- A search for a value finds no row in which the column is null.
    and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) in (
      select format('(%I IS NOT NULL)', a.attname) from pg_attribute a
      where a.attrelid = c.conrelid and a.attnum = any (c.conkey)
    ))
)
