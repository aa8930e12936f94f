"""Chunks: the passages that search finds."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mivaa_schema.models.base import (
    DIMENSIONS,
    EMBEDDING_STATUSES,
    Base,
    HasEmbedding,
    Identified,
    InWorkspace,
    embedding_column,
    one_of,
    workspace_key,
)
from mivaa_schema.models.vectors import Embedding, MappedEmbedding

if TYPE_CHECKING:
    from mivaa_schema.models.document import Document


class DocumentChunk(Identified, InWorkspace, HasEmbedding, Base):
    """A passage of a document, with its embedding: the unit of retrieval.

    The column ``metadata`` is the attribute ``chunk_metadata``.
    """

    __tablename__ = "document_chunks"
    __table_args__ = (
        workspace_key(),
        # The key holds the workspace, so a chunk can never point into another one, and follows
        # its document when that is moved.
        ForeignKeyConstraint(
            ["workspace_id", "document_id"],
            ["documents.workspace_id", "documents.id"],
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
        CheckConstraint(
            one_of("embedding_migration_status", EMBEDDING_STATUSES),
            name="embedding_migration_status",
        ),
        Index("document_chunks_workspace_id_id_key", "workspace_id", "id", unique=True),
        Index("idx_document_chunks_document_id", "document_id", "chunk_index"),
        Index(
            "idx_document_chunks_embedding_v2_cosine",
            literal_column("(embedding_v2::halfvec(768))").label("half"),
            postgresql_using="hnsw",
            postgresql_with={"ef_construction": 128},
            postgresql_ops={"half": "halfvec_cosine_ops"},
        ),
        {"comment": "Passages of documents, each with its embedding: the unit of retrieval."},
    )

    document_id: Mapped[uuid.UUID] = mapped_column(comment="Document that the passage is from.")
    chunk_index: Mapped[int] = mapped_column(comment="Position in the document, from 0.")
    content: Mapped[str] = mapped_column(comment="Text of the passage.")
    page_number: Mapped[int | None] = mapped_column(comment="Page that it starts on, from 1.")
    token_count: Mapped[int | None] = mapped_column(comment="Length in tokens of the model.")
    chunk_metadata: Mapped[dict[str, Any]] = mapped_column(
        "metadata", server_default=text("'{}'::jsonb"), comment="Attributes of the application."
    )

    # As in HasEmbedding, but its index holds half precision.
    embedding_v2: MappedEmbedding = embedding_column(
        Embedding(DIMENSIONS, half=True), sort_order=110, comment="Embedding, 768 dimensions."
    )

    document: Mapped[Document] = relationship(back_populates="chunks")
