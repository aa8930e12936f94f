"""Workspaces that rows name and that do not exist."""

from __future__ import annotations

from mivaa_schema.repair.base import RowRepair, Step

TABLES = (
    "public.documents",
    "public.document_chunks",
    "public.pdf_documents",
    "public.processed_documents",
    "public.workspace_members",
)

REPAIR = RowRepair(
    name="unknown-workspaces",
    what="creates each workspace that rows name and that does not exist; nobody becomes a member",
    # No row is moved: who sees it stays as it was. What is not wanted goes with the workspace when
    # that is deleted.
    steps=tuple(
        Step(
            table=table,
            faults=f"""
select t.id, t.workspace_id as workspace, null::text as reason
from {table} t
where t.workspace_id is not null
  and not exists (select from public.workspaces w where w.id = t.workspace_id)""",
            change="""
insert into public.workspaces (id, name)
select distinct f.workspace, 'Recovered workspace ' || f.workspace from fault f
on conflict (id) do nothing""",
        )
        for table in TABLES
    ),
    workspace_exists=False,
)
