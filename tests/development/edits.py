"""What a developer does to the project's files: each edit is a function of the copy."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from fixtures.projects import Project

Edit = Callable[[Project], None]

IMPORTS = """
import datetime
import decimal
import enum
import uuid
from typing import Any

import pgvector.sqlalchemy as pgv
import sqlalchemy as sa
from sqlalchemy import func, text
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import Mapped, mapped_column
"""

MODELS = {
    "documents": "models/document.py",
    "document_chunks": "models/document_chunk.py",
    "pdf_documents": "models/pdf_document.py",
    "workspaces": "models/workspace.py",
}

TABLE = '''\
"""{name}, for a test."""

from __future__ import annotations

from mivaa_schema.models.base import Base, Identified, InWorkspace, workspace_key


class {model}(Identified, InWorkspace, Base):
    """{name}."""

    __tablename__ = "{name}"
    __table_args__ = (
        workspace_key(),
        {{{options}}},
    )
'''

BARE_TABLE = TABLE.replace("Identified, InWorkspace, Base)", "Base)").replace(
    "        workspace_key(),\n", ""
)

AFTER = "\n# After the class.\n"


def path_of(table: str) -> str:
    """The file of a model."""
    return MODELS.get(table, f"models/{_module(table)}.py")


def model_of(table: str) -> str:
    """The class of a model that :func:`new_table` writes."""
    return "".join(filter(str.isalnum, table.title()))


def _module(table: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in table.lower())


def new_table(
    name: str = "notes", *, options: str = '"comment": "Notes."', bare: bool = False
) -> Edit:
    """A new file in models/; ``bare``: without key, timestamps and workspace."""

    def edit(project: Project) -> None:
        text = BARE_TABLE if bare else TABLE
        model = model_of(name)
        project.write(path_of(name), text.format(name=name, model=model, options=options))
        line = f"\nfrom mivaa_schema.models.{_module(name)} import {model} as {model}\n"
        project.append("models/__init__.py", line)

    return edit


def delete_table(name: str = "notes") -> Edit:
    """Delete the file of a model that :func:`new_table` wrote."""

    def edit(project: Project) -> None:
        model = model_of(name)
        project.remove(path_of(name))
        line = f"\nfrom mivaa_schema.models.{_module(name)} import {model} as {model}\n"
        project.edit("models/__init__.py", line, "")

    return edit


def _with_imports(text: str) -> str:
    if IMPORTS in text:
        return text
    first = "from __future__ import annotations\n"
    assert first in text
    return text.replace(first, first + IMPORTS, 1)


def column(table: str, line: str) -> Edit:
    """A further attribute of a model, as one writes it there."""

    def edit(project: Project) -> None:
        text = _with_imports(project.read(path_of(table)))
        cuts = [text.find(mark) for mark in ("\n    @classmethod", AFTER) if mark in text]
        at = min(cuts, default=len(text))
        written = "".join(f"    {part}\n" for part in inspect.cleandoc(line).splitlines())
        project.write(path_of(table), text[:at] + written + text[at:])

    return edit


def argument(table: str, line: str) -> Edit:
    """A further index or constraint in ``__table_args__``."""

    def edit(project: Project) -> None:
        text = _with_imports(project.read(path_of(table)))
        at = text.index("        {", text.index("__table_args__"))
        project.write(path_of(table), f"{text[:at]}        {line},\n{text[at:]}")

    return edit


def after_class(table: str, line: str) -> Edit:
    """Code behind the class, for what needs its columns."""

    def edit(project: Project) -> None:
        text = _with_imports(project.read(path_of(table)))
        project.write(path_of(table), text + ("" if AFTER in text else AFTER) + line + "\n")

    return edit


def before_class(table: str, code: str) -> Edit:
    """Code in front of the class: a type of one's own."""

    def edit(project: Project) -> None:
        text = _with_imports(project.read(path_of(table)))
        at = text.index("\n\nclass ")
        code_ = inspect.cleandoc(code)
        project.write(path_of(table), f"{text[:at]}\n\n{code_}\n{text[at:]}")

    return edit


def replace(path: str, old: str, new: str, *, first: bool = False) -> Edit:
    """Replace what occurs once in a file, or its first occurrence."""
    return lambda project: project.edit(path, old, new, first=first)


def in_model(table: str, old: str, new: str) -> Edit:
    """Replace what occurs once in a model."""

    def edit(project: Project) -> None:
        project.write(path_of(table), _with_imports(project.read(path_of(table))))
        project.edit(path_of(table), old, new)

    return edit


def sql_file(path: str, text: str) -> Edit:
    """A SQL file, new or written anew."""
    return lambda project: project.write(f"sql/{path}", text)


def function(
    name: str,
    body: str = "select 1",
    *,
    arguments: str = "",
    returns: str = "integer",
    language: str = "sql",
    properties: str = "stable",
    tag: str = "$function$",
) -> Edit:
    """A function in sql/functions/."""
    return sql_file(
        f"functions/{name}.sql",
        f"create function {name}({arguments})\nreturns {returns}\nlanguage {language}\n"
        f"{properties}\nsecurity invoker\nset search_path = pg_catalog, pg_temp\n"
        f"as {tag}\n{body}\n{tag};\n",
    )


def append(path: str, text: str) -> Edit:
    """Write at the end of a file of statements: grants.sql, comments.sql, storage.sql."""
    return lambda project: project.append(f"sql/{path}", text)


def delete(path: str) -> Edit:
    """Delete a file."""
    return lambda project: project.remove(path)


def drop_statements(path: str, naming: str) -> Edit:
    """Delete the statements of a file that name something."""
    return lambda project: project.drop_statements(f"sql/{path}", naming)


def rename(old: str, new: str) -> Edit:
    """Rename a file."""

    def edit(project: Project) -> None:
        project.write(new, project.read(old))
        project.remove(old)

    return edit
