"""Rows without a workspace, which no user sees."""

from __future__ import annotations

from mivaa_schema.repair.base import RowRepair, TableRepair

# A workspace is possible if rows that belong to this one, or a membership of its user, are in it.
# Without --workspace there must be exactly one; with it, it must be among them, if there are any.
# So no row is shown by guess to people who could not have seen it.
_CHOICE = """\
cross join lateral (
  select case
    when cast(:workspace as uuid) is null
      then case cardinality(e.possible) when 1 then e.possible[1] end
    when e.possible is null or cast(:workspace as uuid) = any (e.possible)
      then cast(:workspace as uuid)
  end as workspace
) v"""

_UNDECIDED = """\
case
    when v.workspace is not null then null
    when e.possible is null then 'no workspace is known for it: name one with --workspace'
    else 'several workspaces are possible: name one with --workspace'
  end"""

_MEMBERSHIPS = "select m.workspace_id from public.workspace_members m where m.user_id = t.user_id"


def _statement(table: str) -> str:
    return f"""
update {table} t set workspace_id = i.workspace
from invalid i where t.id = i.id and t.workspace_id is null"""


def _by_evidence(table: str, *evidence: str) -> TableRepair:
    union = "\n    union all ".join((*evidence, _MEMBERSHIPS))
    return TableRepair(
        table=table,
        invalid=f"""
select t.id, v.workspace, {_UNDECIDED} as reason
from {table} t
cross join lateral (
  select array_agg(w.id) as possible from public.workspaces w where w.id in (
    {union})
) e
{_CHOICE}
where t.workspace_id is null""",
        statement=_statement(table),
    )


_DOCUMENTS = _by_evidence(
    "public.documents",
    "select c.workspace_id from public.document_chunks c where c.document_id = t.id",
    "select p.workspace_id from public.processed_documents p where p.document_id = t.id",
)

_PDF_DOCUMENTS = _by_evidence(
    "public.pdf_documents",
    "select p.workspace_id from public.processed_documents p where p.pdf_document_id = t.id",
)

_CHUNKS = TableRepair(
    table="public.document_chunks",
    invalid="""
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
where t.workspace_id is null""",
    statement=_statement("public.document_chunks"),
)

# The foreign keys keep its PDF and document in its workspace; without them, it is as other rows.
_PROCESSED_DOCUMENTS = TableRepair(
    table="public.processed_documents",
    invalid=f"""
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
    else {_UNDECIDED}
  end as reason
from public.processed_documents t
left join public.pdf_documents p on p.id = t.pdf_document_id
left join public.documents d on d.id = t.document_id
cross join lateral (
  select array_agg(w.id) as possible from public.workspaces w
  where case
    when coalesce(t.pdf_document_id, t.document_id) is null then w.id in ({_MEMBERSHIPS})
    else w.id in (p.workspace_id, d.workspace_id)
  end
) e
{_CHOICE}
where t.workspace_id is null""",
    statement=_statement("public.processed_documents"),
)

REPAIR = RowRepair(
    name="missing-workspace",
    description=(
        "gives rows the workspace of their document, of rows that belong to them, or the only one"
        " of their user; else the one that --workspace names"
    ),
    tables=(_DOCUMENTS, _PDF_DOCUMENTS, _CHUNKS, _PROCESSED_DOCUMENTS),
)
