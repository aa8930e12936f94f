-- A trigger of the platform's that fires while the upgrade fills workspace_id of chunks.
select format('trigger %I on public.document_chunks', t.tgname), pg_get_triggerdef(t.oid),
  'no trigger on update',
  'Nothing to do, unless it acts outside of the row: it fires once a chunk, and the upgrade keeps'
    ' the row as it was but for its workspace.'
from pending_columns as e
join pg_catalog.pg_trigger t
  on t.tgrelid = to_regclass(e.relation) and not t.tgisinternal and t.tgenabled <> 'D'
where e.relation = 'public.document_chunks' and e.column_name = 'workspace_id'
  -- 16: on update.
  and t.tgtype & 16 <> 0 and t.tgname not like 'zz\_mivaa\_%'
  and not exists (
    select from pg_catalog.pg_attribute a
    where a.attrelid = t.tgrelid and a.attname = 'workspace_id' and not a.attisdropped)
