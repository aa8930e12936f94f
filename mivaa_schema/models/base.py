"""What all models share: naming convention, column types, keys and timestamps."""

from __future__ import annotations

import datetime
import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    ForeignKeyConstraint,
    MetaData,
    Table,
    Text,
    Uuid,
    event,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, validates

from mivaa_schema.models.vectors import Embedding, MappedEmbedding, as_list, is_sql

if TYPE_CHECKING:
    from mivaa_schema.models.vectors import Vector

LEGACY_DIMENSIONS = 1536
"""Dimensions of the vectors that the platform has had so far."""

DIMENSIONS = 768
"""Dimensions of the vectors in ``embedding_v2``."""

EMBEDDING_STATUSES = ("pending", "completed", "failed", "skipped")
PROCESSING_STATUSES = ("pending", "processing", "completed", "failed")


class Base(DeclarativeBase):
    """Declarative base; names of constraints are those that PostgreSQL itself would choose."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        }
    )
    type_annotation_map = {
        str: Text(),
        uuid.UUID: Uuid(),
        datetime.datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
    }

    def __init__(self, **values: Any) -> None:
        """Make a row of its columns, by name.

        Raises:
            TypeError: A name is no column.
        """
        if "metadata" in values:
            own = next((key for key in vars(type(self)) if key.endswith("_metadata")), None)
            remedy = f"; the column of that name is its attribute {own!r}" if own else ""
            name = type(self).__name__
            raise TypeError(f"'metadata' is an invalid keyword argument for {name}{remedy}")
        type(self).registry.constructor(self, **values)

    def __repr__(self) -> str:
        """The key, and what a person knows the row by; nothing is loaded for it."""
        loaded = {name: self.__dict__[name] for name in _SHOWN if name in self.__dict__}
        words = "".join(f" {name}={str(value)[:40]!r}" for name, value in loaded.items())
        return f"<{type(self).__name__}{words}>"


_SHOWN = ("id", "name", "title", "filename", "phase", "chunk_index", "role", "status")


users = Table("users", MetaData(), Column("id", Uuid(), primary_key=True), schema="auth")
"""The platform's ``auth.users``: here for foreign keys to point at, never created or changed. In a
metadata of its own, which neither create_all, drop_all nor a draft sees."""


@event.listens_for(Table, "after_parent_attach")
def _find_users(table: Table, metadata: MetaData) -> None:
    """Let ``ForeignKey("auth.users.id")`` in a model of ours mean this table too."""
    if metadata is Base.metadata:
        for key in table.foreign_keys:
            if key.target_fullname == f"{users.fullname}.id":
                # What SQLAlchemy does when the other table appears in the same metadata.
                key._set_remote_table(users)


class Identified:
    """Primary key and timestamps that every table of ours has."""

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True,
        # Made by the client too, so that many rows go into one INSERT and are told apart.
        default=uuid.uuid4,
        server_default=text("gen_random_uuid()"),
        sort_order=-100,
        comment="Primary key.",
    )
    created_at: Mapped[datetime.datetime] = mapped_column(
        server_default=func.now(), sort_order=100, comment="When the row was created."
    )
    updated_at: Mapped[datetime.datetime] = mapped_column(
        server_default=func.now(),
        sort_order=101,
        comment="When the row was last edited; kept by a trigger.",
    )


class InWorkspace:
    """The workspace that a row belongs to, which decides who sees it."""

    workspace_id: Mapped[uuid.UUID] = mapped_column(
        sort_order=-99, comment="Workspace that the row belongs to; it decides who sees the row."
    )


def embedding_column(type_: Embedding, **options: Any) -> Any:
    """A mapped column of vectors; its annotation says what may be assigned to it."""
    return mapped_column(type_, **options)


class HasEmbedding:
    """An embedding in the old and in the new space, and the state of the move between them."""

    embedding: MappedEmbedding = embedding_column(
        Embedding(LEGACY_DIMENSIONS), sort_order=90, comment="Legacy embedding, 1536 dimensions."
    )
    embedding_v2: MappedEmbedding = embedding_column(
        Embedding(DIMENSIONS), sort_order=110, comment="Embedding, 768 dimensions."
    )
    embedding_model: Mapped[str | None] = mapped_column(
        sort_order=111, comment="Model that made embedding_v2; null where nobody recorded it."
    )
    embedding_migration_status: Mapped[str] = mapped_column(
        server_default="pending",
        sort_order=112,
        comment="State of embedding_v2: pending, completed, failed or skipped.",
    )
    embedding_migrated_at: Mapped[datetime.datetime | None] = mapped_column(
        sort_order=113, comment="When embedding_v2 was written."
    )

    @validates("embedding", "embedding_v2")
    def _as_list(self, _name: str, vector: Any) -> Any:
        # What is read is a list, before and after the row is written; and arrays cannot be
        # compared, which SQLAlchemy does to find out whether a value has changed.
        return vector if vector is None or is_sql(vector) else as_list(vector)

    @classmethod
    def cosine_distance(cls, query: Vector) -> ColumnElement[float]:
        """Cosine distance (0 to 2) of embedding_v2 to a query vector, as the HNSW index holds it.

        Args:
            query: 768 numbers: a list, an array of shape ``(768,)``, a vector of pgvector or text.
        """
        return cls.embedding_v2.cosine_distance(query)


def one_of(column: str, values: tuple[str, ...]) -> str:
    """The condition that a column holds one of the values."""
    quoted = ("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} in ({', '.join(quoted)})"


def workspace_key() -> ForeignKeyConstraint:
    """The key to the workspace; rows go with it."""
    return ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], ondelete="CASCADE")


def user_key(column: str = "user_id", ondelete: str = "SET NULL") -> ForeignKeyConstraint:
    """The key to a user of the platform; rows outlive the user unless said otherwise."""
    return ForeignKeyConstraint([column], ["auth.users.id"], ondelete=ondelete)
