"""Chunks whose document does not exist."""

from __future__ import annotations

from mivaa_schema.repair.base import RowRepair, TableRepair

REPAIR = RowRepair(
    name="orphaned-chunks",
    description="deletes chunks whose document does not exist",
    tables=(
        TableRepair(
            table="public.document_chunks",
            # Where no document exists at all, the documents are lost, and the chunks are right.
            lookup="""
with each as (
  select c.workspace_id, bool_and(c.document_id is not null and d.id is null) as is_lost
  from public.document_chunks c
  left join public.documents d on d.id = c.document_id
  group by c.workspace_id
)
select coalesce(bool_and(is_lost), false) as every_chunk,
  coalesce(array_agg(workspace_id) filter (where is_lost and workspace_id is not null), '{}')::text
    as lost_workspaces
from each""",
            invalid="""
select t.id, t.workspace_id as workspace,
  case
    when cast(:every_chunk as boolean)
      then 'every chunk of the database would be deleted: the documents are lost, restore them'
    when t.workspace_id = any (cast(:lost_workspaces as uuid[]))
      then 'every chunk of its workspace would be deleted: the documents are lost, restore them'
  end as reason
from public.document_chunks t
where t.document_id is not null
  and not exists (select from public.documents d where d.id = t.document_id)""",
            statement="""
delete from public.document_chunks t using invalid i
where t.id = i.id
  and not exists (select from public.documents d where d.id = t.document_id)""",
        ),
    ),
)
