"""Schema alignment: the tables of PDF extraction, keys, checks and triggers.

Why: extraction needs tables of its own, and every table needs the same rules: a workspace, keys
that cannot point into another one, closed sets of states, and timestamps that are true.

How: triggers come before anything is validated, so that no new row breaks a rule while old rows
are looked at. Chunks of an adopted table get the workspace of their document, in batches. Keys and
checks are added NOT VALID and validated outside of the transaction.

The downgrade loses: the rows of tables, and the values of columns, that this revision created.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from mivaa_schema.operations import (
    Check,
    ForeignKey,
    FrozenSQL,
    IndexDefinition,
    adopt_check,
    adopt_foreign_key,
    adopt_index,
    adopt_not_null,
    adopt_table,
    analyze,
    begin_phase,
    complete_phase,
    create_triggers,
    drop_functions,
    drop_triggers,
    fill_chunk_workspaces,
    in_one_message,
    lock_incomplete_tables,
    locked,
    release_constraint,
    release_index,
    release_table,
    replace_functions,
    resumable,
    roll_back_phase,
    rollback_of,
    run,
    validate,
)

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PHASE = "schema_alignment"
SQL = FrozenSQL(__file__)
FUNCTIONS = (
    SQL.function("mivaa.touch_updated_at"),
    SQL.function("mivaa.require_workspace"),
    SQL.function("mivaa.fill_chunk_workspace"),
    SQL.function("mivaa.check_row_owner"),
)
RULES = (
    SQL.trigger("documents.workspace_required"),
    SQL.trigger("documents.row_owner"),
    SQL.trigger("document_chunks.workspace"),
    SQL.trigger("pdf_documents.workspace_required"),
    SQL.trigger("pdf_documents.row_owner"),
    SQL.trigger("processed_documents.workspace_required"),
    SQL.trigger("processed_documents.row_owner"),
)
# Filling a column is no edit: these come when that is done.
UPDATED_AT = (
    SQL.trigger("workspaces.updated_at"),
    SQL.trigger("workspace_members.updated_at"),
    SQL.trigger("documents.updated_at"),
    SQL.trigger("document_chunks.updated_at"),
    SQL.trigger("pdf_documents.updated_at"),
    SQL.trigger("processed_documents.updated_at"),
)

MEMBER_TABLES = ("public.workspaces", "public.workspace_members")
WORKSPACE_TABLES = ("documents", "document_chunks", "pdf_documents", "processed_documents")
"""Tables whose rows belong to a workspace, and each of which has a key that holds it."""

ALL_TABLES = (*MEMBER_TABLES, *(f"public.{table}" for table in WORKSPACE_TABLES))

COLUMNS = {
    "public.pdf_documents": (
        "workspace_id",
        "user_id",
        "filename",
        "storage_path",
        "content_hash",
        "page_count",
        "file_size",
        "status",
        "error_message",
        "metadata",
        "created_at",
        "updated_at",
    ),
    "public.processed_documents": (
        "workspace_id",
        "user_id",
        "pdf_document_id",
        "document_id",
        "content",
        "markdown",
        "processing_started_at",
        "processing_completed_at",
        "status",
        "error_message",
        "metadata",
        "created_at",
        "updated_at",
    ),
}

WORKSPACE_KEYS = tuple(
    IndexDefinition(
        f"{table}_workspace_id_id_key", f"public.{table}", ("workspace_id", "id"), unique=True
    )
    for table in WORKSPACE_TABLES
)
ONE_MEMBERSHIP = IndexDefinition(
    "workspace_members_workspace_id_user_id_key",
    "public.workspace_members",
    ("workspace_id", "user_id"),
    unique=True,
)
FOREIGN_KEYS = (
    ForeignKey(
        "workspaces_created_by_fkey",
        "public.workspaces",
        ("created_by",),
        "auth.users",
        ("id",),
        "on delete set null",
    ),
    ForeignKey(
        "workspace_members_workspace_id_fkey",
        "public.workspace_members",
        ("workspace_id",),
        "public.workspaces",
        ("id",),
        "on delete cascade",
    ),
    # A membership without its user would be nobody's.
    ForeignKey(
        "workspace_members_user_id_fkey",
        "public.workspace_members",
        ("user_id",),
        "auth.users",
        ("id",),
        "on delete cascade",
    ),
    *(
        ForeignKey(
            f"{table}_workspace_id_fkey",
            f"public.{table}",
            ("workspace_id",),
            "public.workspaces",
            ("id",),
            "on delete cascade",
        )
        for table in WORKSPACE_TABLES
    ),
    *(
        ForeignKey(
            f"{table}_user_id_fkey",
            f"public.{table}",
            ("user_id",),
            "auth.users",
            ("id",),
            "on delete set null",
        )
        for table in ("documents", "pdf_documents", "processed_documents")
    ),
    ForeignKey(
        "document_chunks_workspace_id_document_id_fkey",
        "public.document_chunks",
        ("workspace_id", "document_id"),
        "public.documents",
        ("workspace_id", "id"),
        "on delete cascade on update cascade",
    ),
    ForeignKey(
        "processed_documents_workspace_id_pdf_document_id_fkey",
        "public.processed_documents",
        ("workspace_id", "pdf_document_id"),
        "public.pdf_documents",
        ("workspace_id", "id"),
        "on delete set null (pdf_document_id) on update cascade deferrable",
    ),
    ForeignKey(
        "processed_documents_workspace_id_document_id_fkey",
        "public.processed_documents",
        ("workspace_id", "document_id"),
        "public.documents",
        ("workspace_id", "id"),
        "on delete set null (document_id) on update cascade deferrable",
    ),
)
CHECKS = (
    Check(
        "workspace_members_role_check",
        "public.workspace_members",
        "role in ('owner', 'admin', 'editor', 'viewer', 'member')",
    ),
    Check(
        "workspace_members_status_check",
        "public.workspace_members",
        "status in ('active', 'invited', 'suspended', 'removed')",
    ),
    Check(
        "documents_status_check",
        "public.documents",
        "status in ('draft', 'active', 'published', 'archived', 'deleted')",
    ),
    Check(
        "pdf_documents_status_check",
        "public.pdf_documents",
        "status in ('pending', 'processing', 'completed', 'failed')",
    ),
    Check(
        "processed_documents_status_check",
        "public.processed_documents",
        "status in ('pending', 'processing', 'completed', 'failed')",
    ),
)
WORKSPACE_PRESENT = tuple(
    Check(f"{table}_workspace_id_check", f"public.{table}", "workspace_id is not null")
    for table in WORKSPACE_TABLES
)


def column(name: str, type_: sa.types.TypeEngine[object], comment: str) -> sa.Column[object]:
    return sa.Column(name, type_, comment=comment)


def first_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column(
            "id",
            sa.Uuid(),
            primary_key=True,
            server_default=sa.text("gen_random_uuid()"),
            comment="Primary key.",
        ),
        sa.Column(
            "workspace_id",
            sa.Uuid(),
            nullable=False,
            comment="Workspace that the row belongs to; it decides who sees the row.",
        ),
    )


def last_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            server_default="pending",
            comment="State of the extraction: pending, processing, completed or failed.",
        ),
        column("error_message", sa.Text(), "Why the extraction failed."),
        sa.Column(
            "metadata",
            JSONB(),
            nullable=False,
            server_default=sa.text("'{}'::jsonb"),
            comment="Attributes of the application.",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.now(),
            comment="When the row was created.",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.now(),
            comment="When the row was last edited; kept by a trigger.",
        ),
    )


def upgrade() -> None:
    begin_phase(PHASE)
    replace_functions(*FUNCTIONS)
    with in_one_message():
        lock_incomplete_tables(COLUMNS)
        adopt_extraction_tables()
    with resumable(revision):
        with locked(*ALL_TABLES, mode="share row exclusive"):
            create_triggers(*RULES)
        fill_chunk_workspaces()
        for index in (*WORKSPACE_KEYS, ONE_MEMBERSHIP):
            adopt_index(index)
        # Each in a transaction of its own: the next one waits for its table with nothing held.
        for key in FOREIGN_KEYS:
            adopt_foreign_key(key)
        for check in CHECKS:
            adopt_check(check)
        for check in WORKSPACE_PRESENT:
            adopt_not_null(check, "workspace_id")
        for constraint in (*FOREIGN_KEYS, *CHECKS, *WORKSPACE_PRESENT):
            validate(constraint)
        analyze("public.workspace_members", *(f"public.{table}" for table in WORKSPACE_TABLES))
    complete_phase(PHASE, rollback_of(__file__, "0004"))
    with locked(*ALL_TABLES, mode="share row exclusive"):
        create_triggers(*UPDATED_AT)
        run(*SQL.statements("comments.sql"))


def adopt_extraction_tables() -> None:
    adopt_table(
        "public.pdf_documents",
        *first_columns(),
        column("user_id", sa.Uuid(), "User who uploaded the file."),
        sa.Column(
            "filename",
            sa.Text(),
            nullable=False,
            comment="Name of the file as it was uploaded.",
        ),
        column("storage_path", sa.Text(), "Where the file is stored."),
        column("content_hash", sa.Text(), "SHA-256 of the file, hexadecimal."),
        column("page_count", sa.Integer(), "Number of pages."),
        column("file_size", sa.BigInteger(), "Size in bytes."),
        *last_columns(),
        comment="PDF files that were uploaded, before and after extraction.",
    )
    adopt_table(
        "public.processed_documents",
        *first_columns(),
        column("user_id", sa.Uuid(), "User who asked for the extraction."),
        column("pdf_document_id", sa.Uuid(), "PDF that was read."),
        column("document_id", sa.Uuid(), "Document that came of it."),
        column("content", sa.Text(), "Extracted plain text."),
        column("markdown", sa.Text(), "Extracted text as Markdown."),
        column("processing_started_at", sa.DateTime(timezone=True), "When the extraction started."),
        column("processing_completed_at", sa.DateTime(timezone=True), "When the extraction ended."),
        *last_columns(),
        comment="Results of extraction, between a PDF file and the document made of it.",
    )


def downgrade() -> None:
    with locked(*ALL_TABLES):
        roll_back_phase(PHASE)
        for constraint in reversed((*FOREIGN_KEYS, *CHECKS, *WORKSPACE_PRESENT)):
            release_constraint(constraint)
        for index in reversed((*WORKSPACE_KEYS, ONE_MEMBERSHIP)):
            release_index(index)
        drop_triggers(*RULES, *UPDATED_AT)
        drop_functions(*FUNCTIONS)
        for table in reversed(COLUMNS):
            release_table(table, *COLUMNS[table])
