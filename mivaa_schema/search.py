"""Typed calls of the search functions, for whoever is asking on a session or a connection."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import sqlalchemy as sa

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy.engine import Connection
    from sqlalchemy.orm import Session

    Vector: TypeAlias = Sequence[float] | NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A document that a search found.

    Attributes:
        similarity: Cosine of the document's own embedding with the query, -1 to 1; comparable
            only with that of documents of the same ``embedding_version``.
        embedding_version: ``v2`` (768 dimensions) or ``v1`` (legacy, 1536 dimensions).
        embedding_model: Model that made the embedding; None where nobody recorded it.
    """

    id: uuid.UUID
    title: str | None
    content: str | None
    similarity: float
    embedding_version: Literal["v1", "v2"]
    metadata: dict[str, Any]
    embedding_model: str | None


@dataclass(frozen=True, slots=True)
class FoundChunk:
    """A passage that a search found; the attributes are those of :class:`FoundDocument`.

    Attributes:
        chunk_index: Position in the document, from 0.
        page_number: Page that it starts on, from 1; None where it is not known.
    """

    id: uuid.UUID
    document_id: uuid.UUID
    chunk_index: int
    content: str
    similarity: float
    embedding_version: Literal["v1", "v2"]
    page_number: int | None
    metadata: dict[str, Any]
    embedding_model: str | None


def search_documents(
    database: Session | Connection,
    query_embedding: Vector | None,
    *,
    query_embedding_legacy: Vector | None = None,
    workspace_id: uuid.UUID | None = None,
    match_threshold: float = 0.0,
    match_count: int = 10,
    query_model: str | None = None,
) -> list[FoundDocument]:
    """Find the active and published documents that are nearest to a query, nearest first.

    Args:
        database: Where the identity of the user is set; with an asynchronous session, call this
            through its ``run_sync``.
        query_embedding: Shape ``(768,)``; None only together with a legacy one.
        query_embedding_legacy: Shape ``(1536,)``; while embeddings move, it finds the documents
            that have only a legacy embedding.
        workspace_id: For users, it can only confirm the workspace of the request; roles that see
            all workspaces must name one.
        match_threshold: Only documents with a similarity above it, -1 to 1.
        match_count: At most so many, 1 to 1000.
        query_model: Model of the query; documents of another recorded one are refused.

    Raises:
        ValueError: A vector has more than one dimension.
        sqlalchemy.exc.DBAPIError: The database refuses; its SQLSTATE is 42501 where the user has
            no such workspace, 22004 where a workspace or a query is missing, 22023 where an
            argument is out of its range.
    """
    arguments = {
        "query_embedding": _vector(query_embedding),
        "query_embedding_legacy": _vector(query_embedding_legacy),
        "workspace_id_param": workspace_id,
        "match_threshold": match_threshold,
        "match_count": match_count,
        "query_model": query_model,
    }
    return [FoundDocument(**row) for row in _call("search_documents_hybrid", database, arguments)]


def search_chunks(
    database: Session | Connection,
    query_embedding: Vector | None,
    *,
    query_embedding_legacy: Vector | None = None,
    workspace_id: uuid.UUID | None = None,
    match_threshold: float = 0.0,
    match_count: int = 10,
    document_ids: Sequence[uuid.UUID] | None = None,
    query_model: str | None = None,
) -> list[FoundChunk]:
    """Find the chunks of active and published documents that are nearest to a query.

    Args:
        database: As for :func:`search_documents`, like all arguments that are not named here.
        query_embedding: Shape ``(768,)``; None only together with a legacy one.
        query_embedding_legacy: Shape ``(1536,)``.
        workspace_id: Workspace to search.
        match_threshold: Only chunks with a similarity above it, -1 to 1.
        match_count: At most so many, 1 to 1000.
        document_ids: Only chunks of these documents; of all documents without it.
        query_model: Model of the query.

    Raises:
        ValueError: A vector has more than one dimension.
        sqlalchemy.exc.DBAPIError: The database refuses, as for :func:`search_documents`.
    """
    arguments = {
        "query_embedding": _vector(query_embedding),
        "query_embedding_legacy": _vector(query_embedding_legacy),
        "workspace_id_param": workspace_id,
        "match_threshold": match_threshold,
        "match_count": match_count,
        "document_ids": None if document_ids is None else list(document_ids),
        "query_model": query_model,
    }
    rows = _call("search_document_chunks_hybrid", database, arguments)
    return [FoundChunk(**row) for row in rows]


# Vectors go as text without a type, so that the function's own type reads it, in whichever schema
# that is. What the server says about dimensions and ranges is the only word on them.
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "query_embedding": sa.types.NULLTYPE,
    "query_embedding_legacy": sa.types.NULLTYPE,
    "workspace_id_param": sa.Uuid(),
    "match_threshold": sa.Float(),
    "match_count": sa.Integer(),
    "document_ids": sa.ARRAY(sa.Uuid()),
    "query_model": sa.Text(),
}


def _call(
    function: str, database: Session | Connection, arguments: dict[str, Any]
) -> list[dict[str, Any]]:
    binds = [sa.bindparam(n, v, type_=_TYPES[n]) for n, v in arguments.items()]
    named = ", ".join(
        f"{name} => cast(:{name} as uuid[])" if name == "document_ids" else f"{name} => :{name}"
        for name in arguments
    )
    call = sa.text(f"select * from public.{function}({named})").bindparams(*binds)  # noqa: S608
    return [dict(row) for row in database.execute(call).mappings()]


def _vector(vector: Vector | None) -> str | None:
    if vector is None:
        return None
    if len(shape := getattr(vector, "shape", (1,))) != 1:
        message = f"one vector has the shape {tuple(shape)}, expected one dimension"
        raise ValueError(f"{message}: pass its only row, vector[0]")
    # Nine digits are all that a float of single precision has.
    return "[" + ",".join(format(float(number), ".9g") for number in vector) + "]"
