-- sets rows to pending that are recorded as completed, without the embedding
-- rows of: public.documents; public.document_chunks
select t.id, t.workspace_id as workspace, null::text as reason
from {table} t
where t.embedding_migration_status = 'completed' and t.embedding_v2 is null;

update {table} t set embedding_migration_status = 'pending', embedding_migrated_at = null
from invalid i
where t.id = i.id and t.embedding_migration_status = 'completed' and t.embedding_v2 is null;
