"""SQL files as entities: the present ones in sql/, the frozen ones beside their revision."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

from alembic_utils.pg_function import PGFunction
from alembic_utils.pg_policy import PGPolicy
from alembic_utils.pg_trigger import PGTrigger

Entity = PGFunction | PGPolicy | PGTrigger
T = TypeVar("T", PGFunction, PGPolicy, PGTrigger)

KINDS: dict[str, type[PGFunction] | type[PGPolicy] | type[PGTrigger]] = {
    "functions": PGFunction,
    "triggers": PGTrigger,
    "policies": PGPolicy,
}
"""The folder is the kind; in the order in which the kinds can be created."""

LISTS = ("storage.sql", "grants.sql", "comments.sql")
"""Files that hold many short statements, one a line or more, each ended by a semicolon."""


def history_folder() -> Path:
    """The folder of Alembic's files, in the checkout or in the installed wheel."""
    package = Path(__file__).parents[1]
    checkout = package.parent / "alembic"
    return checkout if (checkout / "env.py").exists() else package / "_alembic"


def read_entity(path: Path) -> Entity:
    """Read the one statement that a file holds.

    Raises:
        ValueError: If the file does not begin with ``create`` or cannot be understood.
    """
    text = path.read_text(encoding="utf-8")
    if not text.lower().startswith("create "):
        message = f"{path}: expected a file that begins with 'create', found {text[:30]!r}"
        raise ValueError(message)
    entity: Entity = KINDS[path.parent.name].from_sql(text)
    return entity


def statements(text: str) -> list[str]:
    """Split a list of short statements; a semicolon ends one only at the end of a line."""
    parts = re.split(r";[ \t]*(?:\n|\Z)", re.sub(r"(?m)^\s*--.*\n?", "", text))
    return [part.strip() for part in parts if part.strip()]


def rollback_of(revision_file: str, *revisions: str) -> str:
    """The frozen downgrades of revisions, last one first, as one script.

    Args:
        revision_file: ``__file__`` of a revision.
        revisions: Revisions whose ``rollback.sql`` is wanted, in the order of execution.
    """
    return "\n".join(
        FrozenSQL(revision_file, revision=revision).text("rollback.sql") for revision in revisions
    )


class FrozenSQL:
    """The SQL files of one revision, in the folder that bears the name of the revision's file.

    Args:
        revision_file: ``__file__`` of a revision.
        revision: Another revision, whose folder is wanted instead: a downgrade makes the older
            definitions from the older revision's folder.
    """

    def __init__(self, revision_file: str, revision: str | None = None) -> None:
        path = Path(revision_file)
        if revision is not None:
            (path,) = path.parent.glob(f"{revision}_*.py")
        self.folder = path.with_suffix("")

    def function(self, name: str) -> PGFunction:
        """The function of a qualified name, for example ``mivaa.user_id``."""
        return self._read(PGFunction, "functions", name)

    def trigger(self, name: str) -> PGTrigger:
        """The trigger of a table and a task, for example ``documents.updated_at``."""
        return self._read(PGTrigger, "triggers", name)

    def policy(self, name: str) -> PGPolicy:
        """The policy of a table and a command, for example ``documents.select``."""
        return self._read(PGPolicy, "policies", name)

    def statements(self, name: str) -> list[str]:
        """The statements of a list such as ``grants.sql``."""
        return statements(self.text(name))

    def text(self, name: str) -> str:
        """The whole text of a file in the folder."""
        return (self.folder / name).read_text(encoding="utf-8")

    def _read(self, kind: type[T], folder: str, name: str) -> T:
        entity = read_entity(self.folder / folder / f"{name}.sql")
        assert isinstance(entity, kind)  # noqa: S101 - the folder is the kind
        return entity
