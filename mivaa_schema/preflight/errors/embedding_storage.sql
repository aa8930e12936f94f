-- Both vectors of a row do not fit into its page: one of them must be stored outside.
select e.relation || '.embedding', 'of STORAGE PLAIN', 'STORAGE EXTERNAL',
  format('alter table %s alter column embedding set storage external;', e.relation)
from pending_columns as e
join pg_catalog.pg_attribute a
  on a.attrelid = to_regclass(e.relation) and a.attname = 'embedding' and not a.attisdropped
where e.column_name = 'embedding_v2' and a.attstorage = 'p'
  and format_type(a.atttypid, -1) ~ 'vector$'
