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
    adopt_index,
    analyze,
    begin_phase,
    index,
    locked,
    release_index,
    reset_table_options,
    resumable,
    roll_back_phase,
    run,
    set_table_options,
)

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
OPTIONS = {
    "public.documents": {"autovacuum_analyze_scale_factor": "0.05"},
    "public.document_chunks": {"autovacuum_analyze_scale_factor": "0.05"},
}


def upgrade() -> None:
    run(begin_phase(PHASE))
    run(*(set_table_options(table, options) for table, options in OPTIONS.items()))
    with resumable(revision):
        run(*map(adopt_index, INDEXES), analyze(*OPTIONS))


def downgrade() -> None:
    with locked(*OPTIONS) as batch:
        batch.run(*map(release_index, reversed(INDEXES)))
        batch.run(*(reset_table_options(table, tuple(given)) for table, given in OPTIONS.items()))
        batch.run(roll_back_phase(PHASE))
