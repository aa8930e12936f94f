-- A table has processing_status; the upgrade adds status beside it and guesses no value.
select e.relation || '.status', 'missing, beside processing_status', e.type,
  format('After the upgrade, in batches, if it suits you: update %1$s set status = case'
    ' processing_status::text %2$s end;', e.relation,
    case e.relation
      when 'public.documents'
        then 'when ''completed'' then ''active'' when ''failed'' then ''draft'''
          ' when ''pending'' then ''draft'' when ''processing'' then ''draft'' else status'
      else 'when ''processing'' then ''processing'' when ''completed'' then ''completed'''
        ' when ''failed'' then ''failed'' else ''pending'''
    end)
from pending_columns as e
join pg_catalog.pg_attribute p
  on p.attrelid = to_regclass(e.relation) and p.attname = 'processing_status'
  and not p.attisdropped
where e.column_name = 'status' and not exists (
  select from pg_catalog.pg_attribute a
  where a.attrelid = p.attrelid and a.attname = 'status' and not a.attisdropped
)
