"""What autogenerate may propose: changes to what is ours, never to what is the platform's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mivaa_schema.settings import Settings


def options(settings: Settings) -> dict[str, Any]:
    """Options."""
    return {}
