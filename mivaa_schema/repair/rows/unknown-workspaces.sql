-- creates each workspace that rows name and that does not exist; nobody becomes a member
-- new workspace: yes
-- rows of: public.documents; public.document_chunks; public.pdf_documents; public.processed_documents; public.workspace_members
select t.id, t.workspace_id as workspace, null::text as reason
from {table} t
where t.workspace_id is not null
  and not exists (select from public.workspaces w where w.id = t.workspace_id);

-- No row is moved, so nobody else sees it. Deleting the workspace deletes its rows.
insert into public.workspaces (id, name)
select distinct i.workspace, 'Recovered workspace ' || i.workspace from invalid i
on conflict (id) do nothing;
