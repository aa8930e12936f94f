-- An index has the name of one of ours, and a read-only session cannot compare the definitions.
select e.qualified, substring(pg_get_indexdef(i.indexrelid) from ' USING (.*)'),
  'an index with the definition ' || e.definition,
  'Compare the two yourself: this session is read-only.'
from pending_indexes as e
join pg_catalog.pg_index i
  on i.indexrelid = to_regclass(e.qualified) and i.indrelid = to_regclass(e.relation)
where :definitions -> e.object_name is null
