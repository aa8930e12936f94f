"""PDF documents: the files as they came in."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, text
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


class PdfDocument(Identified, InWorkspace, Base):
    """A PDF file that was uploaded to a workspace."""

    __tablename__ = "pdf_documents"
    __table_args__ = (
        workspace_key(),
        user_key(),
        CheckConstraint(one_of("status", PROCESSING_STATUSES), name="status"),
        Index("pdf_documents_workspace_id_id_key", "workspace_id", "id", unique=True),
        Index("idx_pdf_documents_workspace_user", "workspace_id", "user_id"),
        Index("idx_pdf_documents_user_id", "user_id"),
        {"comment": "PDF files that were uploaded, before and after extraction."},
    )

    user_id: Mapped[uuid.UUID | None] = mapped_column(comment="User who uploaded the file.")
    filename: Mapped[str] = mapped_column(comment="Name of the file as it was uploaded.")
    storage_path: Mapped[str | None] = mapped_column(comment="Where the file is stored.")
    content_hash: Mapped[str | None] = mapped_column(comment="SHA-256 of the file, hexadecimal.")
    page_count: Mapped[int | None] = mapped_column(comment="Number of pages.")
    file_size: Mapped[int | None] = mapped_column(BigInteger(), comment="Size in bytes.")
    status: Mapped[str] = mapped_column(
        server_default="pending",
        comment="State of the extraction: pending, processing, completed or failed.",
    )
    error_message: Mapped[str | None] = mapped_column(comment="Why the extraction failed.")
    pdf_metadata: Mapped[dict[str, Any]] = mapped_column(
        "metadata", server_default=text("'{}'::jsonb"), comment="Attributes of the application."
    )
