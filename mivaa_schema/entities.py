"""The SQL tree as entities: the folder is the kind, and the tree is the registry."""

from __future__ import annotations

from pathlib import Path

from mivaa_schema.operations.frozen import KINDS, Entity, read_entity, statements

ROOT = Path(__file__).parent / "sql"


def files(folder: Path = ROOT) -> dict[tuple[str, str], Path]:
    """The files of a tree by kind (``functions``, ...) and name, in the order of creation."""
    return {
        (kind, path.stem): path for kind in KINDS for path in sorted((folder / kind).glob("*.sql"))
    }


def entities(kind: str, folder: Path = ROOT) -> list[Entity]:
    """The entities of one kind in a tree."""
    return [read_entity(path) for (its, _), path in files(folder).items() if its == kind]


def listed(name: str, folder: Path = ROOT) -> list[str]:
    """The statements of a list such as ``grants.sql``; none where there is no such file."""
    path = folder / name
    return statements(path.read_text(encoding="utf-8")) if path.exists() else []
