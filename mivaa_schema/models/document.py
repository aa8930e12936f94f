"""Documents: the texts that questions are answered from."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mivaa_schema.models.base import (
    EMBEDDING_STATUSES,
    Base,
    HasEmbedding,
    Identified,
    InWorkspace,
    one_of,
    user_key,
    workspace_key,
)

if TYPE_CHECKING:
    from mivaa_schema.models.document_chunk import DocumentChunk

DOCUMENT_STATUSES = ("draft", "active", "published", "archived", "deleted")


class Document(Identified, InWorkspace, HasEmbedding, Base):
    """A document of a workspace, with one embedding of its whole.

    The column ``metadata`` is the attribute ``document_metadata``, since SQLAlchemy has taken the
    other name.
    """

    __tablename__ = "documents"
    __table_args__ = (
        workspace_key(),
        user_key(),
        CheckConstraint(one_of("status", DOCUMENT_STATUSES), name="status"),
        CheckConstraint(
            one_of("embedding_migration_status", EMBEDDING_STATUSES),
            name="embedding_migration_status",
        ),
        Index("documents_workspace_id_id_key", "workspace_id", "id", unique=True),
        Index("idx_documents_workspace_created", "workspace_id", text("created_at DESC")),
        Index("idx_documents_workspace_updated", "workspace_id", text("updated_at DESC")),
        Index(
            "idx_documents_user_created",
            "user_id",
            text("created_at DESC"),
            postgresql_where="user_id is not null",
        ),
        Index(
            "idx_documents_embedding_v2_cosine",
            "embedding_v2",
            postgresql_using="hnsw",
            postgresql_with={"ef_construction": 128},
            postgresql_ops={"embedding_v2": "vector_cosine_ops"},
        ),
        {"comment": "Documents of the workspaces, each with an embedding of its whole."},
    )

    user_id: Mapped[uuid.UUID | None] = mapped_column(comment="User to whom the document belongs.")
    title: Mapped[str | None] = mapped_column(comment="Title.")
    content: Mapped[str | None] = mapped_column(comment="Full text.")
    status: Mapped[str] = mapped_column(
        server_default="active",
        comment="draft, active, published, archived or deleted; search finds active and published.",
    )
    document_metadata: Mapped[dict[str, Any]] = mapped_column(
        "metadata", server_default=text("'{}'::jsonb"), comment="Attributes of the application."
    )

    chunks: Mapped[list[DocumentChunk]] = relationship(
        back_populates="document",
        order_by="DocumentChunk.chunk_index",
        # The database deletes them, and moves them, with their document.
        cascade="save-update, merge",
        passive_deletes="all",
        passive_updates=True,
    )
