"""Gives revisions the next numbers, after branches that were merged have each made one."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from pathlib import Path

from mivaa_schema import history
from mivaa_schema.errors import MivaaError
from mivaa_schema.history import assigned, follows, number_of


class RenumberRefused(MivaaError):
    """Revision `{name}` is not renumbered: {reason}. Nothing was changed."""


def renumber(
    names: Sequence[str], versions: Path | None = None, *, alone: bool = False
) -> list[Path]:
    """Put revisions after all others: rename files and folders, and rewrite their numbers.

    Args:
        names: Their files, or their numbers where there is one of each; a branch in its order.
        versions: The folder of the revisions; this project's own without it.
        alone: Whether those that follow a number of which there are two belong to the other file.

    Returns:
        The new files. Each ``rollback.sql`` still bears the old number.

    Raises:
        RenumberRefused: There is no such revision; or another that is not named follows it, or may
            do so; or they are not in their order; or all are the last ones already.
    """
    folder = versions or history.versions_folder()
    files = history.files(folder)
    moved = [_find(name, files, folder) for name in dict.fromkeys(names)]
    others = [path for path in files if path not in moved]
    last = max(map(number_of, others), default="0000")
    numbers = [f"{int(last) + n:04d}" for n in range(len(moved) + 1)]
    is_last = [number_of(p) for p in moved] == numbers[1:]
    if not others or (is_last and list(map(follows, moved)) == numbers[:-1]):
        reason = f"it is the last one already, and follows {last}"
        raise RenumberRefused(name=moved[-1].name, reason=reason)
    kept = {number_of(path) for path in others}
    for n, path in enumerate(moved):
        if after := [p.name for p in moved[n + 1 :] if follows(path) == number_of(p)]:
            raise RenumberRefused(name=path.name, reason=f"it comes after {after[0]}")
        number = number_of(path)
        after = [other.name for other in others if follows(other) == number]
        if after and number not in kept:
            reason = (
                f"{', '.join(after)} comes after it and names it in its down_revision. Renumber the"
                " revision of the other branch, or name both, in their order"
            )
            raise RenumberRefused(name=path.name, reason=reason)
        if after and not alone and number not in map(follows, moved):
            reason = (
                f"{', '.join(after)} follows {number}, which two files are. Name what belongs to"
                " the same branch too, in its order; or say with --alone that all of it belongs to"
                " the other one"
            )
            raise RenumberRefused(name=path.name, reason=reason)
    renumbered = dict(zip(map(number_of, moved), numbers[1:], strict=True))
    texts = {
        path: _rewritten(path.read_text(encoding="utf-8"), number_of(path), renumbered, down)
        for path, down in zip(moved, numbers, strict=False)
    }
    # All are moved aside first: the new name of one may be the old name of another.
    for path in moved:
        path.unlink()
        if (folder := path.with_suffix("")).is_dir():
            folder.rename(path.with_suffix(".moved"))
    return [_put(path, renumbered[number_of(path)], text) for path, text in texts.items()]


def _put(path: Path, number: str, text: str) -> Path:
    target = path.with_name(number + path.name[len(number_of(path)) :])
    target.write_text(text, encoding="utf-8")
    if (folder := path.with_suffix(".moved")).is_dir():
        folder.rename(target.with_suffix(""))
    return target


def _find(name: str, files: list[Path], folder: Path) -> Path:
    stem = Path(name).name.removesuffix(".py")
    found = [path for path in files if stem in (path.stem, number_of(path))]
    if len(found) == 1:
        return found[0]
    reason = f"no revision of that name is in {folder}. Name its file, or its number"
    if found:
        names = ", ".join(path.name for path in found)
        reason = f"there are {len(found)} revisions {stem}: {names}. Name the file of one"
    raise RenumberRefused(name=name, reason=reason)


def _rewritten(text: str, number: str, renumbered: dict[str, str], down: str) -> str:
    """The text of a revision under its new number; its constants that name one moved follow."""
    new = renumbered[number]
    tree = ast.parse(text)
    former = assigned(tree, "down_revision")
    found = [
        (node, renumbered[node.value])
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node is not former
        and isinstance(node.value, str) and node.value in renumbered
    ]  # fmt: skip
    if isinstance(former, ast.Constant):
        found.append((former, down))
    # The columns of a syntax tree count bytes.
    lines = text.encode().splitlines(keepends=True)
    for node, value in sorted(found, key=lambda pair: pair[0].col_offset, reverse=True):
        line, end = lines[node.lineno - 1], node.end_col_offset
        lines[node.lineno - 1] = line[: node.col_offset] + f'"{value}"'.encode() + line[end:]
    text = b"".join(lines).decode()
    text = re.sub(r"(?m)^Revision ID: .*$", f"Revision ID: {new}", text, count=1)
    return re.sub(r"(?m)^Revises:.*$", f"Revises: {down}", text, count=1)
