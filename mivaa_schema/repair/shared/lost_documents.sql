-- Where no document exists at all, the documents are lost, and the chunks are right.
with each as (
  select c.workspace_id, bool_and(c.document_id is not null and d.id is null) as is_lost
  from public.document_chunks c
  left join public.documents d on d.id = c.document_id
  group by c.workspace_id
)
select coalesce(bool_and(is_lost), false) as every_chunk,
  coalesce(array_agg(workspace_id) filter (where is_lost and workspace_id is not null), '{}')::text
    as lost_workspaces
from each
