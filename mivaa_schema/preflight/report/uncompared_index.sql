-- An index that bears one of our names, in a database that cannot be written: see after promotion.
select 'public.' || e.name, substring(pg_get_indexdef(i.indexrelid) from ' USING (.*)'),
  'as an index, ' || e.definition,
  'Compare the two yourself: this session is read-only.'
from {indexes} as e
join pg_catalog.pg_index i on i.indexrelid = to_regclass('public.' || quote_ident(e.name))
where current_setting('transaction_read_only') = 'on'
