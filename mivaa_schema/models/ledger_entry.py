"""The adoption ledger, as a model, so that autogenerate knows the table."""

from __future__ import annotations

import datetime

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from mivaa_schema.models.base import Base


class LedgerEntry(Base):
    """An object that the chain created (``former`` is None) or changed."""

    __tablename__ = "ledger"
    __table_args__ = {
        "schema": "mivaa",
        "comment": "What the chain created or changed; a downgrade undoes exactly this.",
    }

    kind: Mapped[str] = mapped_column(
        primary_key=True, comment="Class of object or property: table, column, index, acl, ..."
    )
    object_name: Mapped[str] = mapped_column(
        primary_key=True, comment="Qualified name of the object."
    )
    former: Mapped[str | None] = mapped_column(
        comment="State to restore; null where the object was created."
    )
    recorded_at: Mapped[datetime.datetime] = mapped_column(
        server_default=func.now(), comment="When the chain created or changed the object."
    )
