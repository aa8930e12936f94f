"""Indexes for common queries, and storage settings.

Why: applications page through the newest documents of a workspace or of a user; and vectors need
statistics that keep up with the table.

How: concurrently, and only what a query needs: what another index covers, and what breaks inserts
of long texts, is not built. Storage settings that somebody has set are left alone.

The downgrade loses: nothing.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa

from mivaa_schema.operations import (
    adopt,
    analyze,
    index,
    locked,
    option,
    release,
    resumable,
    run,
)
from mivaa_schema.operations.sql import begin_phase, roll_back_phase

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

PHASE = "performance_optimization"
INDEXES = (
    index(
        "idx_documents_workspace_created",
        "public.documents",
        ["workspace_id", sa.text("created_at DESC")],
    ),
    index(
        "idx_documents_workspace_updated",
        "public.documents",
        ["workspace_id", sa.text("updated_at DESC")],
    ),
    index(
        "idx_documents_user_created",
        "public.documents",
        ["user_id", sa.text("created_at DESC")],
        postgresql_where="user_id is not null",
    ),
)
TABLES = ("public.documents", "public.document_chunks")
OPTIONS = tuple(option("autovacuum_analyze_scale_factor", table, "0.05") for table in TABLES)


def upgrade() -> None:
    run(begin_phase(PHASE))
    run(adopt(*OPTIONS))
    with resumable(revision):
        run(adopt(*INDEXES), analyze(*TABLES))


def downgrade() -> None:
    with locked(*TABLES) as batch:
        batch.run(release(*OPTIONS, *INDEXES))
        batch.run(roll_back_phase(PHASE))
