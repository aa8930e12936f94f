"""mivaa_schema.search: typed calls, with lists and with arrays."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pgvector import HalfVector, Vector
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from fixtures.people import as_user
from fixtures.shelves import CHUNKS, DOCUMENTS, legacy
from mivaa_schema.search import FoundChunk, FoundDocument, search_chunks, search_documents

if TYPE_CHECKING:
    from search.conftest import Crowd


@pytest.mark.parametrize(
    "kind",
    [
        lambda query: query.tolist(),
        lambda query: query.astype(np.float32),
        lambda query: query.astype(np.float64),
        Vector,
        HalfVector,
        lambda query: str(query.tolist()),
    ],
    ids=["list", "f4", "f8", "vector", "halfvec", "text"],
)
def test_vectors_of_every_kind_find_the_same(crowd: Crowd, kind: Any) -> None:
    shelf, query = crowd.shelves["50"], crowd.queries["50"][0]
    vector = kind(query)
    with as_user(crowd.database, shelf.reader) as connection:
        documents = search_documents(connection, vector, match_threshold=-1)
        chunks = search_chunks(connection, vector, match_threshold=-1)
    rows = shelf.nearest(query)
    assert [hit.id for hit in documents] == shelf.ids(DOCUMENTS, rows)
    assert [hit.id for hit in chunks] == shelf.ids(CHUNKS, rows)
    assert [hit.document_id for hit in chunks] == shelf.ids(DOCUMENTS, rows)


def test_a_session_serves_as_well_as_a_connection(crowd: Crowd) -> None:
    shelf, query = crowd.shelves["200"], crowd.queries["200"][1]
    row = shelf.nearest(query, 1)[0]
    with as_user(crowd.database, shelf.reader) as connection, Session(connection) as session:
        (document,) = search_documents(session, query, match_count=1, match_threshold=-1)
        (chunk,) = search_chunks(session, query, match_count=1, match_threshold=-1)
    assert isinstance(document, FoundDocument)
    assert isinstance(chunk, FoundChunk)
    assert (document.title, document.embedding_version) == (f"Title {row}", "v2")
    assert (chunk.chunk_index, chunk.page_number, chunk.metadata) == (row, row + 1, {})
    assert document.similarity == chunk.similarity
    with pytest.raises(dataclasses.FrozenInstanceError):
        document.similarity = 1.0  # type: ignore[misc]


def test_every_argument_reaches_the_function(crowd: Crowd) -> None:
    shelf, query = crowd.shelves["50"], crowd.queries["50"][2]
    order = shelf.nearest(query, 50)
    chosen = order[10:13]
    with as_user(crowd.database, shelf.reader) as connection:
        chunks = search_chunks(
            connection,
            query,
            query_embedding_legacy=legacy(query),
            workspace_id=shelf.workspace,
            match_threshold=-1,
            match_count=2,
            document_ids=shelf.ids(DOCUMENTS, chosen),
            query_model="any",
        )
        documents = search_documents(
            connection,
            query,
            query_embedding_legacy=legacy(query),
            workspace_id=shelf.workspace,
            match_threshold=0.999,
            match_count=2,
            query_model="any",
        )
    assert [hit.id for hit in chunks] == shelf.ids(CHUNKS, chosen[:2])
    assert documents == []


@pytest.mark.parametrize("call", [search_documents, search_chunks])
def test_what_the_database_refuses_is_not_hidden(crowd: Crowd, call: Any) -> None:
    reader = crowd.shelves["50"].reader
    with (
        as_user(crowd.database, reader) as connection,
        pytest.raises(exc.DBAPIError, match="query_embedding has 3 dimensions, expected 768"),
    ):
        call(connection, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("call", [search_documents, search_chunks])
def test_a_batch_of_vectors_is_refused(crowd: Crowd, call: Any) -> None:
    reader = crowd.shelves["50"].reader
    with (
        as_user(crowd.database, reader) as connection,
        pytest.raises(ValueError, match=r"shape \(1, 768\), expected one dimension"),
    ):
        call(connection, crowd.queries["50"][:1])


def test_asynchronous_session_is_pointed_to_its_own_call() -> None:
    with pytest.raises(TypeError, match="AsyncSession is asynchronous; await the call that ends"):
        search_chunks(AsyncSession(), [0.0] * 768)  # type: ignore[arg-type]


def test_a_list_of_documents_is_bounded(crowd: Crowd) -> None:
    shelf, query = crowd.shelves["50"], crowd.queries["50"][0]
    many = shelf.ids(DOCUMENTS, [0]) * 10_000
    with as_user(crowd.database, shelf.reader) as connection:
        found = search_chunks(connection, query, document_ids=many, match_threshold=-1)
        assert [hit.document_id for hit in found] == many[:1]
        with pytest.raises(exc.DBAPIError, match="10001 ids, expected at most 10000"):
            search_chunks(connection, query, document_ids=[*many, many[0]])


@pytest.mark.parametrize(
    ("count", "threshold"), [(np.int64(3), np.float64(-1)), (np.int32(3), np.float32(-1))]
)
def test_numbers_of_numpy_are_numbers(crowd: Crowd, count: Any, threshold: Any) -> None:
    shelf, query = crowd.shelves["50"], crowd.queries["50"][0]
    with as_user(crowd.database, shelf.reader) as connection:
        found = search_chunks(connection, query, match_count=count, match_threshold=threshold)
    assert len(found) == 3
