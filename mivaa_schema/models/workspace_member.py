"""Memberships: who may do what in a workspace."""

from __future__ import annotations

import uuid

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from mivaa_schema.models.base import Base, Identified, InWorkspace, one_of, user_key, workspace_key

ROLES = ("owner", "admin", "editor", "viewer", "member")
MEMBER_STATUSES = ("active", "invited", "suspended", "removed")


class WorkspaceMember(Identified, InWorkspace, Base):
    """A user's membership of a workspace; every permission rests on this table."""

    __tablename__ = "workspace_members"
    __table_args__ = (
        workspace_key(),
        user_key(ondelete="CASCADE"),
        CheckConstraint(one_of("role", ROLES), name="role"),
        CheckConstraint(one_of("status", MEMBER_STATUSES), name="status"),
        Index("workspace_members_workspace_id_user_id_key", "workspace_id", "user_id", unique=True),
        Index(
            "idx_workspace_members_jwt_lookup",
            "user_id",
            "workspace_id",
            "role",
            "status",
        ),
        {"comment": "Memberships; role and status decide what a user may do in a workspace."},
    )

    user_id: Mapped[uuid.UUID] = mapped_column(comment="User who is the member.")
    role: Mapped[str] = mapped_column(
        server_default="member", comment="owner, admin, editor, viewer or member."
    )
    status: Mapped[str] = mapped_column(
        server_default="active",
        comment="active, invited, suspended or removed; only active members see anything.",
    )
