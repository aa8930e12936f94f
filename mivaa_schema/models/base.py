"""What all models share: naming convention, column types, keys and timestamps."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from pgvector.sqlalchemy import HALFVEC, VECTOR
from sqlalchemy import (
    Column,
    DateTime,
    ForeignKeyConstraint,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.elements import ColumnElement

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

    def __repr__(self) -> str:
        """The key, and what a person knows the row by; nothing is loaded for it."""
        loaded = {name: self.__dict__[name] for name in _SHOWN if name in self.__dict__}
        words = "".join(f" {name}={str(value)[:40]!r}" for name, value in loaded.items())
        return f"<{type(self).__name__}{words}>"


_SHOWN = ("id", "name", "title", "filename", "phase", "chunk_index", "role", "status")


users = Table(
    "users",
    Base.metadata,
    Column("id", Uuid(), primary_key=True),
    schema="auth",
    info={"owner": "platform"},
)
"""The platform's ``auth.users``: here for foreign keys to point at, never created or changed."""


class Identified:
    """Primary key and timestamps that every table of ours has."""

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True,
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


class HasEmbedding:
    """An embedding in the old and in the new space, and the state of the move between them."""

    embedding: Mapped[list[float] | None] = mapped_column(
        VECTOR(LEGACY_DIMENSIONS), sort_order=90, comment="Legacy embedding, 1536 dimensions."
    )
    embedding_v2: Mapped[list[float] | None] = mapped_column(
        VECTOR(DIMENSIONS), sort_order=110, comment="Embedding, 768 dimensions."
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


def as_vector(query: Any) -> ColumnElement[Any]:
    """A query vector as a bind parameter of type vector(768)."""
    return bindparam(None, query, type_=VECTOR(DIMENSIONS), unique=True)


def as_halfvec(expression: ColumnElement[Any]) -> ColumnElement[Any]:
    """The cast to halfvec(768) under which chunk embeddings are indexed."""
    return cast(expression, HALFVEC(DIMENSIONS))
