"""The history of the schema, read from the frozen files that lie beside each revision.

Each revision has a folder of its own name. It holds byte copies of the SQL files that the revision
introduced, ``rollback.sql``, and ``manifest.json``: what the revision creates, as its operations
declare it. Whoever needs to know what a revision does reads these files; nothing of the current
models or of ``sql/`` is read here.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from mivaa_schema.errors import MivaaError

SchemaObject = dict[str, Any]
"""One object of a manifest: ``kind``, ``name``, mostly ``table``, and what its kind needs."""

MANIFEST = "manifest.json"
ROLLBACK = "rollback.sql"


class BranchedHistory(MivaaError):
    """There are {count} {what}: {files}. The history must be one straight line. Put what no
    database has recorded after the others; a branch of several revisions all at once, in order:
      mivaa-schema renumber {last:sh}
    """


def history_folder() -> Path:
    """The folder of Alembic's files, in the checkout or in the installed wheel."""
    package = Path(__file__).parent
    checkout = package.parent / "alembic"
    return checkout if (checkout / "env.py").exists() else package / "_alembic"


def versions_folder() -> Path:
    """The folder of the revisions."""
    return history_folder() / "versions"


def files(versions: Path | None = None) -> list[Path]:
    """The files of the revisions, by their numbers; branches may have made two of one number."""
    return sorted((versions or versions_folder()).glob("[0-9]*_*.py"))


def folders(versions: Path | None = None) -> dict[str, Path]:
    """The folder of frozen files of each revision, by its number, the first one first."""
    return {path.name.partition("_")[0]: path.with_suffix("") for path in files(versions)}


def head() -> str:
    """The number of the last revision; the history is one straight line, numbered."""
    return max(folders())


def number_of(path: Path) -> str:
    """The number of a revision's file."""
    return path.name.partition("_")[0]


def follows(path: Path) -> str | None:
    """The number of the revision that a file names as the one before it."""
    value = assigned(ast.parse(path.read_bytes()), "down_revision")
    return str(value.value) if isinstance(value, ast.Constant) and value.value else None


def assigned(tree: ast.Module, variable: str) -> ast.expr | None:
    """What a revision's file assigns to a name at its top."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == variable for target in targets):
                return node.value
    return None


def refuse_branches(versions: Path | None = None) -> None:
    """Refuse a history that is not one straight line.

    Raises:
        BranchedHistory: Two files have the same number, of which Alembic would overlook one; or
            there is more than one head.
    """
    paths = files(versions)
    for number in Counter(map(number_of, paths)):
        _refuse_several(f"revisions {number}", [p for p in paths if number_of(p) == number])
    followed = {follows(path) for path in paths}
    _refuse_several("heads", [path for path in paths if number_of(path) not in followed])


def _refuse_several(what: str, paths: list[Path]) -> None:
    if len(paths) > 1:
        names = [path.name for path in paths]
        raise BranchedHistory(count=len(names), what=what, files=", ".join(names), last=names[-1])


@cache
def manifest(folder: Path) -> dict[str, list[SchemaObject]]:
    """What a revision creates and drops: lists under ``creates`` and ``drops``.

    Args:
        folder: The revision's folder of frozen files; one without a manifest creates nothing.
    """
    path = folder / MANIFEST
    if not path.exists():
        return {"creates": [], "drops": []}
    found: dict[str, list[SchemaObject]] = json.loads(path.read_text(encoding="utf-8"))
    return found


Key = tuple[str, str, str]
"""Kind, table (empty where there is none), and name of an object."""


def key(item: SchemaObject) -> Key:
    """What tells objects apart."""
    return item["kind"], item.get("table", ""), item["name"]


def objects(*kinds: str, through: str | None = None) -> list[SchemaObject]:
    """The objects that the revisions have created once a revision is applied.

    A later definition of an object replaces an earlier one. Added to each are ``revision``, the
    number of the revision that created it first, and ``defined_in``, that of its definition.

    Args:
        kinds: ``table``, ``column``, ``index``, ``foreign_key``, ``check``, ...; all without any.
        through: Number of the last revision that counts; the head without it.
    """
    found: dict[Key, SchemaObject] = {}
    for revision, folder in folders().items():
        if through is not None and revision > through:
            break
        content = manifest(folder)
        for item in content["drops"]:
            found.pop(key(item), None)
            if item["kind"] == "table":
                # What lies on it goes with it.
                found = {k: o for k, o in found.items() if o.get("table") != item["name"]}
        for item in content["creates"]:
            first = found.get(key(item), {}).get("revision", revision)
            found[key(item)] = {**item, "revision": first, "defined_in": revision}
    return [item for item in found.values() if not kinds or item["kind"] in kinds]
