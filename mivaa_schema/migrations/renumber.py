"""Gives a revision the next number, after branches that were merged have each made one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from mivaa_schema import history
from mivaa_schema.errors import MivaaError


class RenumberRefused(MivaaError):
    """Revision `{name}` is not renumbered: {reason}. Nothing was changed."""


def renumber(name: str, versions: Path | None = None) -> Path:
    """Put a revision after all others: rename its file and folder, and rewrite its numbers.

    Args:
        name: Its file, or its number where that is the only one.
        versions: The folder of the revisions; this project's own without it.

    Returns:
        The new file. Its ``rollback.sql`` still bears the old number.

    Raises:
        RenumberRefused: There is no such revision, or another follows it, or it is the last one.
    """
    folder = versions or history.versions_folder()
    files = history.files(folder)
    path = _find(name, files, folder)
    number = _number(path)
    others = [other for other in files if other != path]
    same = [other for other in others if _number(other) == number]
    following = [other.name for other in others if _follows(other) == number]
    if following and not same:
        reason = (
            f"{', '.join(following)} comes after it and names it in its down_revision. Renumber the"
            " revision of the other branch, or first the one that follows"
        )
        raise RenumberRefused(name=path.name, reason=reason)
    last = max((_number(other) for other in others), default=None)
    if last is None or (not same and last < number and _follows(path) == last):
        reason = f"it is the last one already, and follows {last or 'nothing'}"
        raise RenumberRefused(name=path.name, reason=reason)
    new = f"{int(last) + 1:04d}" if last >= number else number
    target = path.with_name(new + path.name[len(number) :])
    target.write_text(_rewritten(path.read_text(encoding="utf-8"), number, new, last), "utf-8")
    if target != path:
        path.unlink()
        if path.with_suffix("").is_dir():
            path.with_suffix("").rename(target.with_suffix(""))
    return target


def _find(name: str, files: list[Path], folder: Path) -> Path:
    stem = Path(name).name.removesuffix(".py")
    found = [path for path in files if stem in (path.stem, _number(path))]
    if len(found) == 1:
        return found[0]
    reason = f"no revision of that name is in {folder}. Name its file, or its number"
    if found:
        names = ", ".join(path.name for path in found)
        reason = f"there are {len(found)} revisions {stem}: {names}. Name the file of one"
    raise RenumberRefused(name=name, reason=reason)


def _number(path: Path) -> str:
    return path.name.partition("_")[0]


def _value_of(tree: ast.Module, variable: str) -> ast.expr | None:
    """What a revision's file assigns to a name at its top."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == variable for target in targets):
                return node.value
    return None


def _follows(path: Path) -> str | None:
    value = _value_of(ast.parse(path.read_bytes()), "down_revision")
    return str(value.value) if isinstance(value, ast.Constant) and value.value else None


def _rewritten(text: str, number: str, new: str, down: str) -> str:
    """The text of a revision under its new number; its constants that name it follow."""
    tree = ast.parse(text)
    former = _value_of(tree, "down_revision")
    found = [(node, new) for node in ast.walk(tree) if isinstance(node, ast.Constant)
             and node.value == number and node is not former]  # fmt: skip
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
