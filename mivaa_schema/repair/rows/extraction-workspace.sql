-- moves extractions to the workspace of their PDF and their document, if it is one
-- rows of: public.processed_documents
select t.id, coalesce(p.workspace_id, d.workspace_id) as workspace,
  case
    when p.workspace_id <> d.workspace_id
      then 'its PDF and its document are in two workspaces: set one of them to null'
    when p.id is not null and p.workspace_id is null
      or d.id is not null and d.workspace_id is null
      then 'its PDF or its document has no workspace: see missing-workspace'
    when t.pdf_document_id is not null and p.id is null
      or t.document_id is not null and d.id is null
      then 'names a row that does not exist: see dangling-extractions'
    when not exists (
      select from public.workspaces w where w.id = coalesce(p.workspace_id, d.workspace_id))
      then 'the workspace of its PDF and document does not exist: see unknown-workspaces'
  end as reason
from public.processed_documents t
left join public.pdf_documents p on p.id = t.pdf_document_id
left join public.documents d on d.id = t.document_id
where t.workspace_id is not null and (
  p.id is not null and p.workspace_id is distinct from t.workspace_id
  or d.id is not null and d.workspace_id is distinct from t.workspace_id
);

update public.processed_documents t set workspace_id = i.workspace
from invalid i where t.id = i.id and t.workspace_id <> i.workspace;
