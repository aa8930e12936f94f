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
    FrozenSQL,
    Operation,
    adopt,
    adopt_table,
    analyze,
    create,
    drop,
    foreign_key,
    index,
    locked,
    not_null,
    one_of,
    release,
    release_table,
    resumable,
    run,
    validate,
)
from mivaa_schema.operations.batch import one_message
from mivaa_schema.operations.columns import fill
from mivaa_schema.operations.entities import rollback_of
from mivaa_schema.operations.sql import begin_phase, complete_phase, recorded, roll_back_phase
from mivaa_schema.operations.tables import lock_incomplete_tables

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

WORKSPACE_KEYS = tuple(
    index(f"{table}_workspace_id_id_key", f"public.{table}", ["workspace_id", "id"], unique=True)
    for table in WORKSPACE_TABLES
)
ONE_MEMBERSHIP = index(
    "workspace_members_workspace_id_user_id_key",
    "public.workspace_members",
    ["workspace_id", "user_id"],
    unique=True,
)
FOREIGN_KEYS = (
    foreign_key(
        "workspaces_created_by_fkey",
        "public.workspaces",
        ["created_by"],
        "auth.users",
        ["id"],
        on_delete="set null",
    ),
    foreign_key(
        "workspace_members_workspace_id_fkey",
        "public.workspace_members",
        ["workspace_id"],
        "public.workspaces",
        ["id"],
        on_delete="cascade",
    ),
    # A membership without its user would be nobody's.
    foreign_key(
        "workspace_members_user_id_fkey",
        "public.workspace_members",
        ["user_id"],
        "auth.users",
        ["id"],
        on_delete="cascade",
    ),
    *(
        foreign_key(
            f"{table}_workspace_id_fkey",
            f"public.{table}",
            ["workspace_id"],
            "public.workspaces",
            ["id"],
            on_delete="cascade",
        )
        for table in WORKSPACE_TABLES
    ),
    *(
        foreign_key(
            f"{table}_user_id_fkey",
            f"public.{table}",
            ["user_id"],
            "auth.users",
            ["id"],
            on_delete="set null",
        )
        for table in ("documents", "pdf_documents", "processed_documents")
    ),
    foreign_key(
        "document_chunks_workspace_id_document_id_fkey",
        "public.document_chunks",
        ["workspace_id", "document_id"],
        "public.documents",
        ["workspace_id", "id"],
        on_delete="cascade",
        on_update="cascade",
    ),
    foreign_key(
        "processed_documents_workspace_id_pdf_document_id_fkey",
        "public.processed_documents",
        ["workspace_id", "pdf_document_id"],
        "public.pdf_documents",
        ["workspace_id", "id"],
        on_delete="set null (pdf_document_id)",
        on_update="cascade",
        deferrable=True,
    ),
    foreign_key(
        "processed_documents_workspace_id_document_id_fkey",
        "public.processed_documents",
        ["workspace_id", "document_id"],
        "public.documents",
        ["workspace_id", "id"],
        on_delete="set null (document_id)",
        on_update="cascade",
        deferrable=True,
    ),
)
CHECKS = (
    one_of(
        "workspace_members_role_check",
        "public.workspace_members",
        "role",
        ("owner", "admin", "editor", "viewer", "member"),
    ),
    one_of(
        "workspace_members_status_check",
        "public.workspace_members",
        "status",
        ("active", "invited", "suspended", "removed"),
    ),
    one_of(
        "documents_status_check",
        "public.documents",
        "status",
        ("draft", "active", "published", "archived", "deleted"),
    ),
    one_of(
        "pdf_documents_status_check",
        "public.pdf_documents",
        "status",
        ("pending", "processing", "completed", "failed"),
    ),
    one_of(
        "processed_documents_status_check",
        "public.processed_documents",
        "status",
        ("pending", "processing", "completed", "failed"),
    ),
)
WORKSPACE_PRESENT = tuple(
    not_null(f"{table}_workspace_id_check", f"public.{table}", "workspace_id")
    for table in WORKSPACE_TABLES
)
CONSTRAINTS = (*FOREIGN_KEYS, *CHECKS, *WORKSPACE_PRESENT)


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


EXTRACTION_TABLES = {
    "public.pdf_documents": (
        "PDF files that were uploaded, before and after extraction.",
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
    ),
    "public.processed_documents": (
        "Results of extraction, between a PDF file and the document made of it.",
        *first_columns(),
        column("user_id", sa.Uuid(), "User who asked for the extraction."),
        column("pdf_document_id", sa.Uuid(), "PDF that was read."),
        column("document_id", sa.Uuid(), "Document that came of it."),
        column("content", sa.Text(), "Extracted plain text."),
        column("markdown", sa.Text(), "Extracted text as Markdown."),
        column("processing_started_at", sa.DateTime(timezone=True), "When the extraction started."),
        column("processing_completed_at", sa.DateTime(timezone=True), "When the extraction ended."),
        *last_columns(),
    ),
}
"""What a table holds, and its columns, by its qualified name."""


def fill_chunk_workspaces() -> Operation:
    """Give chunks the workspace of their document, where the chain added the column.

    A value in a column that was there before is never changed, not even a null: the platform's own
    triggers fire, but ours comes last, and under the setting ``mivaa.filling`` it puts back
    everything but the workspace.
    """
    return fill(
        "public.document_chunks",
        "update public.document_chunks c set workspace_id = d.workspace_id\n"
        "      from batch b join public.documents d on d.id = b.document_id\n"
        "      where c.id = b.id and c.workspace_id is null and d.workspace_id is not null",
        batch_columns="t.id, t.document_id",
        when_=recorded("column", "public.document_chunks.workspace_id"),
    )


def upgrade() -> None:
    run(begin_phase(PHASE), create(*FUNCTIONS, again=True))
    with one_message() as batch:
        names = {
            table: [column.name for column in columns if not column.primary_key]
            for table, (_, *columns) in EXTRACTION_TABLES.items()
        }
        batch.run(lock_incomplete_tables(names))
        for table, (comment, *columns) in EXTRACTION_TABLES.items():
            batch.run(adopt_table(table, *columns, comment=comment))
    with resumable(revision):
        with locked(*ALL_TABLES, mode="share row exclusive") as batch:
            batch.run(create(*RULES))
        run(fill_chunk_workspaces())
        run(adopt(*WORKSPACE_KEYS, ONE_MEMBERSHIP))
        # Each in a transaction of its own: the next one waits for its table with nothing held.
        run(adopt(*CONSTRAINTS))
        run(validate(*CONSTRAINTS))
        run(analyze("public.workspace_members", *(f"public.{table}" for table in WORKSPACE_TABLES)))
    run(complete_phase(PHASE, rollback_of(__file__, "0004")))
    with locked(*ALL_TABLES, mode="share row exclusive") as batch:
        batch.run(create(*UPDATED_AT), SQL.run_list("comments.sql"))


def downgrade() -> None:
    with locked(*ALL_TABLES) as batch:
        batch.run(roll_back_phase(PHASE))
        batch.run(release(*WORKSPACE_KEYS, ONE_MEMBERSHIP, *CONSTRAINTS))
        batch.run(drop(*FUNCTIONS, *RULES, *UPDATED_AT))
        for table in reversed(EXTRACTION_TABLES):
            batch.run(release_table(table, *SQL.columns(table)))
