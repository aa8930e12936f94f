"""Indexes that row-level security needs.

Why: a policy adds a condition to every statement; without its index every statement becomes a scan
of all workspaces. So they are built before the policies come.

How: concurrently, one after the other. The membership look-up is covered, so that it reads one
index page and no table; its index holds every status, since users see their other memberships
too, and deleting a user looks for all of them.

The downgrade loses: nothing.

Revision ID: 0005
Revises: 0004
"""

from mivaa_schema.operations import (
    adopt,
    analyze,
    index,
    locked,
    release,
    resumable,
    run,
)
from mivaa_schema.operations.sql import begin_phase, roll_back_phase

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PHASE = "rls_policies"
INDEXES = (
    index(
        "idx_workspace_members_jwt_lookup",
        "public.workspace_members",
        ["user_id", "workspace_id", "role", "status"],
    ),
    index("idx_workspaces_created_by", "public.workspaces", ["created_by"]),
    index(
        "idx_document_chunks_document_id",
        "public.document_chunks",
        ["document_id", "chunk_index"],
    ),
    index("idx_pdf_documents_workspace_user", "public.pdf_documents", ["workspace_id", "user_id"]),
    index("idx_pdf_documents_user_id", "public.pdf_documents", ["user_id"]),
    index(
        "idx_processed_documents_workspace_user",
        "public.processed_documents",
        ["workspace_id", "user_id"],
    ),
    index("idx_processed_documents_user_id", "public.processed_documents", ["user_id"]),
    index(
        "idx_processed_documents_pdf_document_id",
        "public.processed_documents",
        ["pdf_document_id"],
    ),
    index("idx_processed_documents_document_id", "public.processed_documents", ["document_id"]),
)
TABLES = (
    "public.workspaces",
    "public.workspace_members",
    "public.document_chunks",
    "public.pdf_documents",
    "public.processed_documents",
)


def upgrade() -> None:
    run(begin_phase(PHASE))
    with resumable(revision):
        run(adopt(*INDEXES), analyze(*TABLES))


def downgrade() -> None:
    with locked(*TABLES) as batch:
        batch.run(release(*INDEXES), roll_back_phase(PHASE))
