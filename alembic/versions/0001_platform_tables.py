"""Vector extension, adoption ledger and the platform's tables.

Why: everything later needs the vector type, a memory of what was there before us, and the tables
that the platform brings along.

How: each table is adopted where it exists (columns that it lacks are added beside what is there)
and created, closed to the API, where it does not.

The downgrade loses: the rows of tables, and the values of columns, that this revision created.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects.postgresql import JSONB

from mivaa_schema.operations import (
    FrozenSQL,
    adopt_table,
    adopt_vector_extension,
    create_functions,
    create_ledger,
    drop_functions,
    drop_ledger,
    in_one_message,
    lock_incomplete_tables,
    locked,
    release_table,
    release_vector_extension,
    run,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL = FrozenSQL(__file__)
LOCKING = SQL.function("mivaa.lock_tables")
COLUMNS = {
    "public.workspaces": (
        "name",
        "created_by",
        "settings",
        "created_at",
        "updated_at",
    ),
    "public.workspace_members": (
        "workspace_id",
        "user_id",
        "role",
        "status",
        "created_at",
        "updated_at",
    ),
    "public.documents": (
        "workspace_id",
        "user_id",
        "title",
        "content",
        "status",
        "metadata",
        "embedding",
        "created_at",
        "updated_at",
    ),
    "public.document_chunks": (
        "workspace_id",
        "document_id",
        "chunk_index",
        "content",
        "page_number",
        "token_count",
        "metadata",
        "embedding",
        "created_at",
        "updated_at",
    ),
}


def primary_key() -> sa.Column[object]:
    return sa.Column(
        "id",
        sa.Uuid(),
        primary_key=True,
        server_default=sa.text("gen_random_uuid()"),
        comment="Primary key.",
    )


def workspace() -> sa.Column[object]:
    return sa.Column(
        "workspace_id",
        sa.Uuid(),
        nullable=False,
        comment="Workspace that the row belongs to; it decides who sees the row.",
    )


def attributes(
    name: str = "metadata", comment: str = "Attributes of the application."
) -> sa.Column[object]:
    return sa.Column(
        name, JSONB(), nullable=False, server_default=sa.text("'{}'::jsonb"), comment=comment
    )


def legacy_embedding() -> sa.Column[object]:
    return sa.Column("embedding", VECTOR(1536), comment="Legacy embedding, 1536 dimensions.")


def timestamps() -> tuple[sa.Column[object], ...]:
    return tuple(
        sa.Column(
            name,
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.now(),
            comment=comment,
        )
        for name, comment in (
            ("created_at", "When the row was created."),
            ("updated_at", "When the row was last edited; kept by a trigger."),
        )
    )


def upgrade() -> None:
    create_ledger()
    adopt_vector_extension()
    create_functions(LOCKING)
    run(*SQL.statements("comments.sql"))
    with in_one_message():
        lock_incomplete_tables(COLUMNS)
        adopt_platform_tables()


def adopt_platform_tables() -> None:
    adopt_table(
        "public.workspaces",
        primary_key(),
        sa.Column("name", sa.Text(), nullable=False, comment="Name that its members see."),
        sa.Column("created_by", sa.Uuid(), comment="User who created the workspace."),
        attributes("settings", "Settings of the application."),
        *timestamps(),
        comment="Workspaces; each row of the platform belongs to one.",
    )
    adopt_table(
        "public.workspace_members",
        primary_key(),
        workspace(),
        sa.Column("user_id", sa.Uuid(), nullable=False, comment="User who is the member."),
        sa.Column(
            "role",
            sa.Text(),
            nullable=False,
            server_default="member",
            comment="owner, admin, editor, viewer or member.",
        ),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            server_default="active",
            comment="active, invited, suspended or removed; only active members see anything.",
        ),
        *timestamps(),
        comment="Memberships; role and status decide what a user may do in a workspace.",
    )
    adopt_table(
        "public.documents",
        primary_key(),
        workspace(),
        sa.Column("user_id", sa.Uuid(), comment="User to whom the document belongs."),
        sa.Column("title", sa.Text(), comment="Title."),
        sa.Column("content", sa.Text(), comment="Full text."),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            server_default="active",
            comment=(
                "draft, active, published, archived or deleted; search finds active and published."
            ),
        ),
        attributes(),
        legacy_embedding(),
        *timestamps(),
        comment="Documents of the workspaces, each with an embedding of its whole.",
    )
    adopt_table(
        "public.document_chunks",
        primary_key(),
        workspace(),
        sa.Column(
            "document_id", sa.Uuid(), nullable=False, comment="Document that the passage is from."
        ),
        sa.Column(
            "chunk_index",
            sa.Integer(),
            nullable=False,
            comment="Position in the document, from 0.",
        ),
        sa.Column("content", sa.Text(), nullable=False, comment="Text of the passage."),
        sa.Column("page_number", sa.Integer(), comment="Page that it starts on, from 1."),
        sa.Column("token_count", sa.Integer(), comment="Length in tokens of the model."),
        attributes(),
        legacy_embedding(),
        *timestamps(),
        comment="Passages of documents, each with its embedding: the unit of retrieval.",
    )


def downgrade() -> None:
    with locked(*COLUMNS):
        for table in reversed(COLUMNS):
            release_table(table, *COLUMNS[table])
    release_vector_extension()
    drop_functions(LOCKING)
    drop_ledger()
