"""Typed calls of the search functions, with the identity of a session or a connection."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar

import sqlalchemy as sa

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pgvector import HalfVector
    from pgvector import Vector as PgVector
    from sqlalchemy.engine import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
    from sqlalchemy.orm import Session

    Vector: TypeAlias = Sequence[float] | NDArray[np.floating[Any]] | PgVector | HalfVector | str

P = ParamSpec("P")
Found = TypeVar("Found")


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
    session: Session | Connection,
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
        session: With the identity of the user; for an asynchronous one, use
            :func:`search_documents_async`.
        query_embedding: Shape ``(768,)``, or its text ``[0.1,0.2,...]``; None only together with a
            legacy one.
        query_embedding_legacy: Shape ``(1536,)``; during the migration of embeddings, it finds the
            documents that have only a legacy embedding.
        workspace_id: You may pass a workspace id, but only that of your own request; any other is
            refused. Roles that see all workspaces must pass one.
        match_threshold: Only rows with a similarity above it, -1 to 1.
        match_count: Maximum number of rows, 1 to 1000.
        query_model: Model of the query; documents with another recorded model are refused.

    Raises:
        TypeError: The session is asynchronous.
        ValueError: A vector has more than one dimension.
        sqlalchemy.exc.DBAPIError: The database refuses. Its SQLSTATE is 42501 if the user has no
            such workspace, 22004 if a workspace or a query is missing, 22023 if an argument is out
            of its range.
    """
    rows = _call(
        "search_documents_hybrid",
        session,
        query_embedding=_vector(query_embedding),
        query_embedding_legacy=_vector(query_embedding_legacy),
        workspace_id_param=workspace_id,
        match_threshold=match_threshold,
        match_count=match_count,
        query_model=query_model,
    )
    return [FoundDocument(**row) for row in rows]


def search_chunks(
    session: Session | Connection,
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

    Arguments and errors are those of :func:`search_documents`.

    Args:
        session: With the identity of the user.
        query_embedding: Shape ``(768,)``.
        query_embedding_legacy: Shape ``(1536,)``.
        workspace_id: Workspace to search.
        match_threshold: Only rows with a similarity above it, -1 to 1.
        match_count: Maximum number of rows, 1 to 1000.
        document_ids: Only chunks of these documents; None for all documents.
        query_model: Model of the query.
    """
    rows = _call(
        "search_document_chunks_hybrid",
        session,
        query_embedding=_vector(query_embedding),
        query_embedding_legacy=_vector(query_embedding_legacy),
        workspace_id_param=workspace_id,
        match_threshold=match_threshold,
        match_count=match_count,
        document_ids=None if document_ids is None else list(document_ids),
        query_model=query_model,
    )
    return [FoundChunk(**row) for row in rows]


def _asynchronous(
    call: Callable[Concatenate[Session | Connection, P], Found],
) -> Callable[Concatenate[AsyncSession | AsyncConnection, P], Awaitable[Found]]:
    """The same call for an asynchronous session or connection."""

    async def run(
        session: AsyncSession | AsyncConnection, /, *given: P.args, **named: P.kwargs
    ) -> Found:
        return await session.run_sync(lambda own: call(own, *given, **named))

    run.__doc__ = f":func:`{call.__name__}` for an asynchronous session or connection."
    run.__name__ = run.__qualname__ = f"{call.__name__}_async"
    return run


search_documents_async = _asynchronous(search_documents)
"""Awaits :func:`search_documents` on an asynchronous session or connection, its first argument."""

search_chunks_async = _asynchronous(search_chunks)
"""Awaits :func:`search_chunks` on an asynchronous session or connection, its first argument."""

# Vectors are text without a type, so that the function's own type reads it, in whichever schema
# that is. The server alone checks dimensions and ranges.
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "query_embedding": sa.types.NULLTYPE,
    "query_embedding_legacy": sa.types.NULLTYPE,
    "workspace_id_param": sa.Uuid(),
    "match_threshold": sa.Float(),
    "match_count": sa.Integer(),
    "document_ids": sa.ARRAY(sa.Uuid()),
    "query_model": sa.Text(),
}


def _call(function: str, session: Session | Connection, **arguments: Any) -> list[dict[str, Any]]:
    binds = [sa.bindparam(n, v, type_=_TYPES[n]) for n, v in arguments.items()]
    named = ", ".join(
        f"{name} => cast(:{name} as uuid[])" if name == "document_ids" else f"{name} => :{name}"
        for name in arguments
    )
    if hasattr(session, "run_sync"):
        message = f"a {type(session).__name__} is asynchronous; await the call that ends in _async"
        raise TypeError(message)
    call = sa.text(f"select * from public.{function}({named})").bindparams(*binds)  # noqa: S608
    return [dict(row) for row in session.execute(call).mappings()]


def _vector(vector: Vector | None) -> str | None:
    if vector is None or isinstance(vector, str):
        return vector
    numbers: Any = getattr(vector, "to_list", lambda: vector)()
    if len(shape := getattr(vector, "shape", (1,))) != 1:
        message = f"one vector has the shape {tuple(shape)}, expected one dimension"
        raise ValueError(f"{message}: pass its only row, vector[0]")
    # Nine digits are all that a float of single precision has.
    return "[" + ",".join(format(float(number), ".9g") for number in numbers) + "]"
