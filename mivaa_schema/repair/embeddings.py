"""Embeddings that search cannot use, and statuses that are not true."""

from __future__ import annotations

from mivaa_schema.repair.base import RowRepair, TableRepair, takes_no_null

TABLES = ("public.documents", "public.document_chunks")


def _zero_vectors(table: str) -> TableRepair:
    is_zero = "(vector_norm(t.embedding) = 0 or vector_norm(t.embedding_v2) = 0)"
    return TableRepair(
        table=table,
        invalid=f"""
select t.id, t.workspace_id as workspace,
  coalesce(
    case when vector_norm(t.embedding) = 0 then {takes_no_null(table, "embedding")} end,
    case when vector_norm(t.embedding_v2) = 0 then {takes_no_null(table, "embedding_v2")} end
  ) as reason
from {table} t
where {is_zero}""",
        # A row that was skipped on purpose stays skipped.
        statement=f"""
update {table} t set
  embedding = case when vector_norm(t.embedding) > 0 then t.embedding end,
  embedding_v2 = case when vector_norm(t.embedding_v2) > 0 then t.embedding_v2 end,
  embedding_model = case when vector_norm(t.embedding_v2) = 0 then null
    else t.embedding_model end,
  embedding_migrated_at = case when vector_norm(t.embedding_v2) = 0 then null
    else t.embedding_migrated_at end,
  embedding_migration_status = case
    when vector_norm(t.embedding_v2) > 0 or t.embedding_migration_status = 'skipped'
      then t.embedding_migration_status
    else 'pending' end
from invalid i where t.id = i.id and {is_zero}""",
    )


def _untrue_completion(table: str) -> TableRepair:
    is_untrue = "t.embedding_migration_status = 'completed' and t.embedding_v2 is null"
    return TableRepair(
        table=table,
        invalid=f"""
select t.id, t.workspace_id as workspace, null::text as reason
from {table} t
where {is_untrue}""",
        statement=f"""
update {table} t set embedding_migration_status = 'pending', embedding_migrated_at = null
from invalid i where t.id = i.id and {is_untrue}""",
    )


REPAIRS = (
    RowRepair(
        name="zero-vectors",
        description="sets embeddings of zeros to null, and their rows to pending",
        tables=tuple(_zero_vectors(table) for table in TABLES),
    ),
    RowRepair(
        name="untrue-completions",
        description="sets rows to pending that are recorded as completed, without the embedding",
        tables=tuple(_untrue_completion(table) for table in TABLES),
    ),
)
