"""Typed calls of the search functions, with the identity of a session or a connection."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

import sqlalchemy as sa

from mivaa_schema.models.vectors import Embedding, as_text

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
    from sqlalchemy.orm import Session

    from mivaa_schema.models.vectors import Vector

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
            such workspace, 22004 if a workspace or a query is missing, 22023 or another one of
            class 22 if an argument is out of its range.
    """
    arguments = {
        "query_embedding": query_embedding,
        "query_embedding_legacy": query_embedding_legacy,
        "workspace_id_param": workspace_id,
        "match_threshold": float(match_threshold),
        "match_count": int(match_count),
        "query_model": query_model,
    }
    return [FoundDocument(*row) for row in _rows(session, _DOCUMENTS, arguments)]


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
    arguments = {
        "query_embedding": query_embedding,
        "query_embedding_legacy": query_embedding_legacy,
        "workspace_id_param": workspace_id,
        "match_threshold": float(match_threshold),
        "match_count": int(match_count),
        "document_ids": None if document_ids is None else list(document_ids),
        "query_model": query_model,
    }
    return [FoundChunk(*row) for row in _rows(session, _CHUNKS, arguments)]


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

# The function's own types read vectors, in whichever schema those are. The server alone checks
# dimensions and ranges.
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "query_embedding": Embedding(),
    "query_embedding_legacy": Embedding(),
    "workspace_id_param": sa.Uuid(),
    "match_threshold": sa.Float(),
    "match_count": sa.Integer(),
    "document_ids": sa.ARRAY(sa.Uuid()),
    "query_model": sa.Text(),
}


# A number out of range is then an error about a number, and not one about a function.
_CASTS = {
    "match_threshold": "double precision",
    "match_count": "integer",
    "document_ids": "uuid[]",
}


def _call_of(function: str, row: type[Any], *arguments: str) -> sa.TextClause:
    """The call of a search function; made once, because SQLAlchemy takes long to read its text."""
    binds = [sa.bindparam(name, type_=_TYPES[name]) for name in arguments]
    named = ", ".join(
        f"{name} => cast(:{name} as {_CASTS[name]})" if name in _CASTS else f"{name} => :{name}"
        for name in arguments
    )
    # By name, so that a column that a later revision appends changes nothing.
    columns = ", ".join(field.name for field in fields(row))
    return sa.text(f"select {columns} from public.{function}({named})").bindparams(*binds)  # noqa: S608


_ARGUMENTS = [name for name in _TYPES if name != "document_ids"]
_DOCUMENTS = _call_of("search_documents_hybrid", FoundDocument, *_ARGUMENTS)
_CHUNKS = _call_of("search_document_chunks_hybrid", FoundChunk, *_TYPES)


def _rows(
    session: Session | Connection, call: sa.TextClause, arguments: dict[str, Any]
) -> list[Any]:
    if hasattr(session, "run_sync"):
        message = f"a {type(session).__name__} is asynchronous; await the call that ends in _async"
        raise TypeError(message)
    # Here, so that the error about a vector is its own and not one about a statement.
    vectors = {
        name: as_text(vector)
        for name, vector in arguments.items()
        if name.startswith("query_embedding") and vector is not None
    }
    return list(session.execute(call, {**arguments, **vectors}))
