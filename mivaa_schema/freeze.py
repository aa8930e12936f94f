"""Frozen files: what a revision introduced, and how it is taken back, laid beside the revision."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.script import ScriptDirectory

from mivaa_schema import entities
from mivaa_schema.migrations import alembic_config
from mivaa_schema.operations.frozen import Entity, read_entity

if TYPE_CHECKING:
    from alembic.config import Config

ROLLBACK = "rollback.sql"


@dataclass(frozen=True, slots=True)
class Copy:
    """A frozen copy of a SQL file: which revision introduced it, and where it lies."""

    revision: str
    path: Path

    @property
    def entity(self) -> Entity:
        """What the file holds."""
        return read_entity(self.path)


def folders(config: Config | None = None) -> dict[str, Path]:
    """The folder with the frozen files of each revision, the first one first."""
    script = ScriptDirectory.from_config(config or alembic_config())
    chain = reversed(list(script.walk_revisions()))
    return {revision.revision: Path(revision.path).with_suffix("") for revision in chain}


def copies(config: Config | None = None) -> dict[tuple[str, str], list[Copy]]:
    """The frozen copies of each file, by kind and name, the oldest one first."""
    found: dict[tuple[str, str], list[Copy]] = {}
    for revision, folder in folders(config).items():
        for key, path in entities.files(folder).items():
            found.setdefault(key, []).append(Copy(revision, path))
    return found


def rollback_sql(revision: str, config: Config | None = None) -> str:
    """What Alembic renders for the downgrade of one revision, without transaction commands.

    Args:
        revision: The revision to take back.
        config: Configuration of the chain; this project's own without it.
    """
    config = config or alembic_config()
    script = ScriptDirectory.from_config(config)
    previous = script.get_revision(revision).down_revision or "base"
    buffer = io.StringIO()
    config.output_buffer = buffer
    config.attributes["bare"] = True
    try:
        command.downgrade(config, f"{revision}:{previous}", sql=True)
    finally:
        config.attributes.pop("bare")
    return buffer.getvalue().strip() + "\n"


def write_rollbacks(config: Config | None = None) -> list[Path]:
    """Write ``rollback.sql`` of every revision anew; return those that have changed."""
    changed = []
    for revision, folder in folders(config).items():
        path = folder / ROLLBACK
        text = rollback_sql(revision, config)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed
