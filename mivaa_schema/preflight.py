"""What stands in the way of an upgrade, found before anything is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def refuse_what_cannot_be_adopted(connection: Connection) -> None:
    """Refuse."""


def offline() -> list[str]:
    """Offline."""
    return []
