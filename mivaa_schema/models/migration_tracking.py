"""Migration tracking: which phase has been reached, and how to roll it back."""

from __future__ import annotations

import datetime
import uuid

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from mivaa_schema.models.base import Base, one_of, user_key

MIGRATION_STATUSES = ("pending", "running", "completed", "failed", "rolled_back")


class MigrationTracking(Base):
    """One phase of a migration; written by the owner of the tables alone."""

    __tablename__ = "migration_tracking"
    __table_args__ = (
        user_key("created_by"),
        CheckConstraint(one_of("status", MIGRATION_STATUSES), name="status"),
        Index(
            "migration_tracking_migration_name_phase_key", "migration_name", "phase", unique=True
        ),
        {"comment": "Phases of the migration; its owner executes what rollback_sql holds."},
    )

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, server_default=text("gen_random_uuid()"), comment="Primary key."
    )
    migration_name: Mapped[str] = mapped_column(comment="Name of the migration.")
    phase: Mapped[str] = mapped_column(comment="Name of the phase.")
    status: Mapped[str] = mapped_column(
        server_default="pending",
        comment="pending, running, completed, failed or rolled_back.",
    )
    started_at: Mapped[datetime.datetime | None] = mapped_column(
        server_default=func.now(), comment="When the phase was started."
    )
    completed_at: Mapped[datetime.datetime | None] = mapped_column(
        comment="When the phase was completed."
    )
    error_message: Mapped[str | None] = mapped_column(comment="Why the phase failed.")
    rollback_sql: Mapped[str | None] = mapped_column(
        comment="What rollback_migration_phase executes: the downgrade of its revisions."
    )
    created_by: Mapped[uuid.UUID | None] = mapped_column(comment="User who started the phase.")
