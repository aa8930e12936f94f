"""Chunks: the passages that search finds."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Float,
    ForeignKeyConstraint,
    Index,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mivaa_schema.models.base import (
    EMBEDDING_STATUSES,
    Base,
    HasEmbedding,
    Identified,
    InWorkspace,
    as_halfvec,
    as_vector,
    one_of,
    workspace_key,
)

if TYPE_CHECKING:
    from mivaa_schema.models.document import Document


class DocumentChunk(Identified, InWorkspace, HasEmbedding, Base):
    """A passage of a document, with its embedding: the unit of retrieval."""

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

    document: Mapped[Document] = relationship(back_populates="chunks")

    @classmethod
    def cosine_distance(cls, query: Any) -> ColumnElement[Any]:
        """Cosine distance (0 to 2) to a query vector, in the half precision of the HNSW index.

        Args:
            query: 768 numbers, a list or an array of shape ``(768,)``.
        """
        return as_halfvec(cls.embedding_v2.expression).op("<=>", return_type=Float())(
            as_halfvec(as_vector(query))
        )
