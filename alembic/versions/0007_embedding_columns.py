"""Columns and indexes for embeddings of 768 dimensions.

Why: embeddings move from 1536 to 768 dimensions while search keeps answering, so for a time each
row can have both.

How: new columns beside the old one; the new vector is stored in the row itself, where the planner
sees what reading it costs. The HNSW indexes are built while the columns are empty, or on what is
there already. A row whose text changes is sent back to the embedder by a trigger.

The downgrade loses: embeddings of 768 dimensions and the state of their migration.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from pgvector.sqlalchemy import VECTOR

from mivaa_schema.operations import (
    FrozenSQL,
    adopt,
    column,
    create,
    drop,
    index,
    locked,
    one_of,
    release,
    resumable,
    run,
    storage,
    validate,
)
from mivaa_schema.operations.sql import begin_phase, roll_back_phase

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PHASE = "embedding_standardization"
SQL = FrozenSQL(__file__)
TABLES = ("public.documents", "public.document_chunks")
FUNCTIONS = (
    SQL.function("mivaa.keep_updated_at"),
    SQL.function("mivaa.reset_embedding_status"),
    SQL.function("mivaa.complete_embedding_status"),
)
TRIGGERS = tuple(
    SQL.trigger(f"{table}.{task}")
    for table in ("documents", "document_chunks")
    for task in ("embedding_reset", "embedding_completed", "updated_at_kept")
)
CHECKS = tuple(
    one_of(
        f"{table.partition('.')[2]}_embedding_migration_status_check",
        table,
        "embedding_migration_status",
        ("pending", "completed", "failed", "skipped"),
    )
    for table in TABLES
)
# A graph built with twice the candidates of the default: with the default one, recall@10 of a
# workspace of 5,000 rows among 100,000 stays below .99, whatever the search does later.
INDEXES = (
    # On the column itself, so that a plain ORDER BY embedding_v2 <=> $1 uses it.
    index(
        "idx_documents_embedding_v2_cosine",
        "public.documents",
        ["embedding_v2"],
        postgresql_using="hnsw",
        postgresql_with={"ef_construction": 128},
        postgresql_ops={"embedding_v2": "vector_cosine_ops"},
    ),
    # Chunks are many: half precision takes half the space and finds the same.
    index(
        "idx_document_chunks_embedding_v2_cosine",
        "public.document_chunks",
        [sa.literal_column("(embedding_v2::halfvec(768))").label("half")],
        postgresql_using="hnsw",
        postgresql_with={"ef_construction": 128},
        postgresql_ops={"half": "halfvec_cosine_ops"},
    ),
)
COLUMNS = (
    sa.Column("embedding_v2", VECTOR(768), comment="Embedding, 768 dimensions."),
    sa.Column(
        "embedding_model",
        sa.Text(),
        comment="Model that made embedding_v2; null where nobody recorded it.",
        info={"min_length": 100},
    ),
    sa.Column(
        "embedding_migration_status",
        sa.Text(),
        nullable=False,
        server_default="pending",
        comment="State of embedding_v2: pending, completed, failed or skipped.",
        info={"min_length": 20},
    ),
    sa.Column(
        "embedding_migrated_at",
        sa.DateTime(timezone=True),
        comment="When embedding_v2 was written.",
    ),
)


def upgrade() -> None:
    run(begin_phase(PHASE), create(*FUNCTIONS, again=True))
    with locked(*TABLES) as batch:
        for table in TABLES:
            batch.run(adopt(*(column(table, source) for source in COLUMNS)))
            batch.run(adopt(storage("embedding_v2", table, "plain")))
        batch.run(create(*TRIGGERS), SQL.run_list("comments.sql"))
    with resumable(revision):
        run(adopt(*CHECKS), validate(*CHECKS))
        run(adopt(*INDEXES))


def downgrade() -> None:
    with locked(*TABLES) as batch:
        batch.run(release(*CHECKS, *INDEXES), drop(*FUNCTIONS, *TRIGGERS))
        for table in reversed(TABLES):
            batch.run(release(*SQL.columns(table), storage("embedding_v2", table, "plain")))
        batch.run(roll_back_phase(PHASE))
