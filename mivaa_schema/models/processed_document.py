"""Processed documents: what extraction made of a PDF."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from mivaa_schema.models.base import (
    PROCESSING_STATUSES,
    Base,
    Identified,
    InWorkspace,
    one_of,
    user_key,
    workspace_key,
)


class ProcessedDocument(Identified, InWorkspace, Base):
    """The result of one extraction: text, markdown, and the document that came of it."""

    __tablename__ = "processed_documents"
    __table_args__ = (
        workspace_key(),
        user_key(),
        # Both keys hold the workspace, so neither end can be moved alone; they are deferrable so
        # that service_role can move both ends in one transaction.
        ForeignKeyConstraint(
            ["workspace_id", "pdf_document_id"],
            ["pdf_documents.workspace_id", "pdf_documents.id"],
            ondelete="SET NULL (pdf_document_id)",
            onupdate="CASCADE",
            deferrable=True,
        ),
        ForeignKeyConstraint(
            ["workspace_id", "document_id"],
            ["documents.workspace_id", "documents.id"],
            ondelete="SET NULL (document_id)",
            onupdate="CASCADE",
            deferrable=True,
        ),
        CheckConstraint(one_of("status", PROCESSING_STATUSES), name="status"),
        Index("processed_documents_workspace_id_id_key", "workspace_id", "id", unique=True),
        Index("idx_processed_documents_workspace_user", "workspace_id", "user_id"),
        Index("idx_processed_documents_user_id", "user_id"),
        Index("idx_processed_documents_pdf_document_id", "pdf_document_id"),
        Index("idx_processed_documents_document_id", "document_id"),
        {"comment": "Results of extraction, between a PDF file and the document made of it."},
    )

    user_id: Mapped[uuid.UUID | None] = mapped_column(comment="User who asked for the extraction.")
    pdf_document_id: Mapped[uuid.UUID | None] = mapped_column(comment="PDF that was read.")
    document_id: Mapped[uuid.UUID | None] = mapped_column(comment="Document that came of it.")
    content: Mapped[str | None] = mapped_column(comment="Extracted plain text.")
    markdown: Mapped[str | None] = mapped_column(comment="Extracted text as Markdown.")
    status: Mapped[str] = mapped_column(
        server_default="pending",
        comment="State of the extraction: pending, processing, completed or failed.",
    )
    processing_started_at: Mapped[datetime.datetime | None] = mapped_column(
        comment="When the extraction started."
    )
    processing_completed_at: Mapped[datetime.datetime | None] = mapped_column(
        comment="When the extraction ended."
    )
    error_message: Mapped[str | None] = mapped_column(comment="Why the extraction failed.")
    processing_metadata: Mapped[dict[str, Any]] = mapped_column(
        "metadata", server_default=text("'{}'::jsonb"), comment="Attributes of the application."
    )
