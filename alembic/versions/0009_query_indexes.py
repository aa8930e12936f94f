"""Indexes for common queries, and storage settings.

Why: applications page through the newest documents of a workspace or of a user; and vectors need
statistics that keep up with the table.

How: concurrently, and only what a query needs: what another index covers, and what breaks inserts
of long texts, is not built. Storage settings that somebody has set are left alone.

The downgrade loses: nothing.

Revision ID: 0009
Revises: 0008
"""

from mivaa_schema.operations import (
    IndexDefinition,
    adopt_index,
    analyze,
    begin_phase,
    locked,
    release_index,
    reset_table_options,
    resumable,
    roll_back_phase,
    set_table_options,
)

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

PHASE = "performance_optimization"
INDEXES = (
    IndexDefinition(
        "idx_documents_workspace_created",
        "public.documents",
        ("workspace_id", "created_at desc"),
    ),
    IndexDefinition(
        "idx_documents_workspace_updated",
        "public.documents",
        ("workspace_id", "updated_at desc"),
    ),
    IndexDefinition(
        "idx_documents_user_created",
        "public.documents",
        ("user_id", "created_at desc"),
        where="user_id is not null",
    ),
)
OPTIONS = {
    "public.documents": {"autovacuum_analyze_scale_factor": "0.05"},
    "public.document_chunks": {"autovacuum_analyze_scale_factor": "0.05"},
}


def upgrade() -> None:
    begin_phase(PHASE)
    for table, options in OPTIONS.items():
        set_table_options(table, options)
    with resumable(revision):
        for index in INDEXES:
            adopt_index(index)
        analyze(*OPTIONS)


def downgrade() -> None:
    with locked(*OPTIONS):
        for index in reversed(INDEXES):
            release_index(index)
        for table, options in OPTIONS.items():
            reset_table_options(table, tuple(options))
        roll_back_phase(PHASE)
