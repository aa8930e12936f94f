-- moves chunks to the workspace of their document
-- rows of: public.document_chunks
select t.id, d.workspace_id as workspace,
  case when w.id is null
    then 'the workspace of the document does not exist: see unknown-workspaces' end as reason
from public.document_chunks t
join public.documents d on d.id = t.document_id
left join public.workspaces w on w.id = d.workspace_id
where d.workspace_id <> t.workspace_id;

update public.document_chunks t set workspace_id = i.workspace
from invalid i where t.id = i.id and t.workspace_id <> i.workspace;
