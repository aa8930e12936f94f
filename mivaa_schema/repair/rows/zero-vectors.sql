-- sets embeddings of zeros to null, and their rows to pending
-- rows of: public.documents; public.document_chunks
select t.id, t.workspace_id as workspace, (
  select format('%1$s takes no null here: alter table {table} alter column %1$s drop not null',
    a.attname)
  from pg_catalog.pg_attribute a
  where a.attrelid = '{table}'::regclass and a.attnotnull
    and (a.attname = 'embedding' and vector_norm(t.embedding) = 0
      or a.attname = 'embedding_v2' and vector_norm(t.embedding_v2) = 0)
  order by a.attname limit 1
) as reason
from {table} t
where vector_norm(t.embedding) = 0 or vector_norm(t.embedding_v2) = 0;

-- A row that was skipped on purpose stays skipped.
update {table} t set
  embedding = case when vector_norm(t.embedding) > 0 then t.embedding end,
  embedding_v2 = case when vector_norm(t.embedding_v2) > 0 then t.embedding_v2 end,
  embedding_model = case when vector_norm(t.embedding_v2) = 0 then null
    else t.embedding_model end,
  embedding_migrated_at = case when vector_norm(t.embedding_v2) = 0 then null
    else t.embedding_migrated_at end,
  embedding_migration_status = case
    when vector_norm(t.embedding_v2) > 0 or t.embedding_migration_status = 'skipped'
      then t.embedding_migration_status
    else 'pending' end
from invalid i
where t.id = i.id and (vector_norm(t.embedding) = 0 or vector_norm(t.embedding_v2) = 0);
