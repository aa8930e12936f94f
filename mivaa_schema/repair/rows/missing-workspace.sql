-- gives rows the workspace of their document, of rows that belong to them, or the only one of their user; else the one that --workspace names
-- rows of: public.documents key=document_id; public.pdf_documents key=pdf_document_id
-- A workspace is possible if rows that belong to this one, or a membership of its user, are in it.
-- Without --workspace there must be exactly one; with it, it must be among them, if there are any.
-- So no row is shown by guess to people who could not have seen it.
select t.id, v.workspace,
  case
    when v.workspace is not null then null
    when e.possible is null then 'no workspace is known for it: name one with --workspace'
    else 'several workspaces are possible: name one with --workspace'
  end as reason
from {table} t
cross join lateral (
  select array_agg(w.id) as possible from public.workspaces w where w.id in (
    select p.workspace_id from public.processed_documents p where p.{key} = t.id
    union all
    select c.workspace_id from public.document_chunks c
    where '{key}' = 'document_id' and c.document_id = t.id
    union all
    select m.workspace_id from public.workspace_members m where m.user_id = t.user_id)
) e
cross join lateral (
  select case
    when cast(:workspace as uuid) is null
      then case cardinality(e.possible) when 1 then e.possible[1] end
    when e.possible is null or cast(:workspace as uuid) = any (e.possible)
      then cast(:workspace as uuid)
  end as workspace
) v
where t.workspace_id is null;

update {table} t set workspace_id = i.workspace
from invalid i where t.id = i.id and t.workspace_id is null;

-- rows of: public.document_chunks
select t.id, d.workspace_id as workspace,
  case
    when t.document_id is null then 'names no document'
    when d.id is null then 'its document does not exist: see orphaned-chunks'
    when d.workspace_id is null then 'follows its document, which has no workspace'
    when w.id is null then 'the workspace of its document does not exist: see unknown-workspaces'
  end as reason
from public.document_chunks t
left join public.documents d on d.id = t.document_id
left join public.workspaces w on w.id = d.workspace_id
where t.workspace_id is null;

update public.document_chunks t set workspace_id = i.workspace
from invalid i where t.id = i.id and t.workspace_id is null;

-- rows of: public.processed_documents
-- The foreign keys keep its PDF and document in its workspace; without them, it is as other rows.
select t.id, v.workspace,
  case
    when t.pdf_document_id is not null and p.id is null
      or t.document_id is not null and d.id is null
      then 'names a row that does not exist: see dangling-extractions'
    when t.pdf_document_id is not null and p.workspace_id is null
      or t.document_id is not null and d.workspace_id is null
      then 'follows its PDF and its document, which have no workspace'
    when p.workspace_id <> d.workspace_id
      then 'its PDF and its document are in two workspaces: set one of them to null'
    when v.workspace is not null then null
    when e.possible is null then 'no workspace is known for it: name one with --workspace'
    else 'several workspaces are possible: name one with --workspace'
  end as reason
from public.processed_documents t
left join public.pdf_documents p on p.id = t.pdf_document_id
left join public.documents d on d.id = t.document_id
cross join lateral (
  select array_agg(w.id) as possible from public.workspaces w
  where case
    when coalesce(t.pdf_document_id, t.document_id) is null then w.id in (
      select m.workspace_id from public.workspace_members m where m.user_id = t.user_id)
    else w.id in (p.workspace_id, d.workspace_id)
  end
) e
cross join lateral (
  select case
    when cast(:workspace as uuid) is null
      then case cardinality(e.possible) when 1 then e.possible[1] end
    when e.possible is null or cast(:workspace as uuid) = any (e.possible)
      then cast(:workspace as uuid)
  end as workspace
) v
where t.workspace_id is null;

update public.processed_documents t set workspace_id = i.workspace
from invalid i where t.id = i.id and t.workspace_id is null;
