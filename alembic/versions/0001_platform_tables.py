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
    Operation,
    adopt_table,
    create,
    drop,
    locked,
    release_table,
    run,
)
from mivaa_schema.operations.batch import one_message
from mivaa_schema.operations.sql import block, create_ledger, record, undo, when
from mivaa_schema.operations.tables import lock_incomplete_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL = FrozenSQL(__file__)
LOCKING = SQL.function("mivaa.lock_tables")


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


TABLES = {
    "public.workspaces": (
        "Workspaces; each row of the platform belongs to one.",
        primary_key(),
        sa.Column("name", sa.Text(), nullable=False, comment="Name that its members see."),
        sa.Column("created_by", sa.Uuid(), comment="User who created the workspace."),
        attributes("settings", "Settings of the application."),
        *timestamps(),
    ),
    "public.workspace_members": (
        "Memberships; role and status decide what a user may do in a workspace.",
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
    ),
    "public.documents": (
        "Documents of the workspaces, each with an embedding of its whole.",
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
    ),
    "public.document_chunks": (
        "Passages of documents, each with its embedding: the unit of retrieval.",
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
    ),
}
"""What a table holds, and its columns, by its qualified name."""


def adopt_vector_extension() -> Operation:
    """Create extension vector unless it is there; in ``extensions`` where that schema exists."""
    missing = "not exists (select from pg_catalog.pg_extension where extname = 'vector')"
    create = when(
        "to_regnamespace('extensions') is not null",
        "create extension vector with schema extensions;",
        "create extension vector with schema public;",
    )
    create = when(missing, create + "\n" + record("extension", "vector"))
    return Operation((block(create),), ({"kind": "extension", "name": "vector"},))


def release_vector_extension() -> str:
    """Drop extension vector if the chain created it, and nobody else uses it by now."""
    drop_unused = """\
begin
  drop extension vector;
exception when dependent_objects_still_exist then
  raise warning 'extension vector stays: others use it';
end;"""
    return block(undo("extension", "vector", drop_unused))


def upgrade() -> None:
    run(*create_ledger(), adopt_vector_extension())
    run(create(LOCKING), SQL.run_list("comments.sql"))
    with one_message() as batch:
        names = {
            table: [column.name for column in columns if not column.primary_key]
            for table, (_, *columns) in TABLES.items()
        }
        batch.run(lock_incomplete_tables(names))
        for table, (comment, *columns) in TABLES.items():
            batch.run(adopt_table(table, *columns, comment=comment))


def downgrade() -> None:
    with locked(*TABLES) as batch:
        for table in reversed(TABLES):
            batch.run(release_table(table, *SQL.columns(table)))
    run(release_vector_extension(), drop(LOCKING), "drop table mivaa.ledger")
