-- deletes chunks whose document does not exist
-- lookup: lost_documents
-- rows of: public.document_chunks
select t.id, t.workspace_id as workspace,
  case
    when cast(:every_chunk as boolean)
      then 'every chunk of the database would be deleted: the documents are lost, restore them'
    when t.workspace_id = any (cast(:lost_workspaces as uuid[]))
      then 'every chunk of its workspace would be deleted: the documents are lost, restore them'
  end as reason
from public.document_chunks t
where t.document_id is not null
  and not exists (select from public.documents d where d.id = t.document_id);

delete from public.document_chunks t using invalid i
where t.id = i.id
  and not exists (select from public.documents d where d.id = t.document_id);
