"""Workspaces: whose documents these are."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from mivaa_schema.models.base import Base, Identified, user_key


class Workspace(Identified, Base):
    """A workspace: the boundary that no user sees across."""

    __tablename__ = "workspaces"
    __table_args__ = (
        user_key("created_by"),
        Index("idx_workspaces_created_by", "created_by"),
        {"comment": "Workspaces; each row of the platform belongs to one."},
    )

    name: Mapped[str] = mapped_column(comment="Name that its members see.")
    created_by: Mapped[uuid.UUID | None] = mapped_column(comment="User who created the workspace.")
    settings: Mapped[dict[str, Any]] = mapped_column(
        server_default=text("'{}'::jsonb"), comment="Settings of the application."
    )
