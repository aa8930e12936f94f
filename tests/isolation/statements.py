"""Requests and statements as plain values, which print as a readable list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Values = Mapping[str, Any]
"""Columns and their values; ids are names here, and become UUIDs on their way to the database."""

DOCUMENTS = "documents"
CHUNKS = "document_chunks"
PDFS = "pdf_documents"
EXTRACTS = "processed_documents"
WORKSPACES = "workspaces"
MEMBERS = "workspace_members"

CONTENT_TABLES = (DOCUMENTS, CHUNKS, PDFS, EXTRACTS)

COLUMNS = {
    WORKSPACES: ("id", "name"),
    MEMBERS: ("id", "workspace_id", "user_id", "role", "status"),
    DOCUMENTS: ("id", "workspace_id", "user_id", "content", "status"),
    CHUNKS: ("id", "workspace_id", "document_id", "content"),
    PDFS: ("id", "workspace_id", "user_id", "filename"),
    EXTRACTS: ("id", "workspace_id", "user_id", "document_id", "pdf_document_id", "content"),
}
"""The columns that the model knows; of the others nothing depends on who asks."""

TEXT = {
    WORKSPACES: "name",
    MEMBERS: "status",
    DOCUMENTS: "content",
    CHUNKS: "content",
    PDFS: "filename",
    EXTRACTS: "content",
}
"""The column of each table that an edit changes."""


@dataclass(frozen=True)
class Request:
    """A database role, and the claims and headers that came with the request, as texts."""

    role: str
    claims: str = ""
    headers: str = ""


@dataclass(frozen=True)
class Select:
    """The ids of rows, or their number; ``lock`` is FOR UPDATE."""

    table: str
    where: Values = field(default_factory=dict)
    count: bool = False
    lock: bool = False


@dataclass(frozen=True)
class Insert:
    """One new row; ``conflict`` says what becomes of a row that has the id already."""

    table: str
    values: Values
    conflict: str | None = None
    returning: bool = True


@dataclass(frozen=True)
class Update:
    table: str
    changes: Values
    where: Values = field(default_factory=dict)
    returning: bool = True


@dataclass(frozen=True)
class Delete:
    table: str
    where: Values = field(default_factory=dict)
    returning: bool = True


@dataclass(frozen=True)
class Call:
    """A call of a function by the names of its arguments."""

    function: str
    arguments: Values = field(default_factory=dict)


Write = Insert | Update | Delete
Statement = Select | Write | Call


@dataclass(frozen=True)
class Refused:
    """The answer of a statement that is an error, by its SQLSTATE."""

    state: str


@dataclass(frozen=True)
class Step:
    """A statement that everybody tries; it stays done as one of them did it, or service_role."""

    statement: Statement
    by: int | None = 0
    """Place of the request among all; None for service_role."""


Answer = Any
"""Ids, a number, the value of a call, or :class:`Refused`."""
