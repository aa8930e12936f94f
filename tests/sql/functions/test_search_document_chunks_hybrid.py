"""search_document_chunks_hybrid: what it does beyond what both search functions do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from fixtures.clusters import both_majors
from fixtures.shelves import CHUNKS, DOCUMENTS, Shelf, legacy, search

if TYPE_CHECKING:
    from sql.functions.conftest import Library

UNPUBLISH = sa.text("update public.documents set status = 'archived' where id = any (:ids)")


@both_majors
@pytest.mark.parametrize("with_legacy", [False, True])
def test_only_chunks_of_the_given_documents_are_found(library: Library, with_legacy: bool) -> None:
    shelf, query = library.halfway, library.queries[0]
    rows = [3, 8, 20, 21, 39]
    wanted = [row for row in shelf.nearest(query, 40) if row in rows]
    if not with_legacy:
        wanted = [row for row in wanted if row in library.moved]
    found = shelf.found(
        library.database, CHUNKS, query, match_threshold=-1,
        document_ids=shelf.ids(DOCUMENTS, rows),
        query_embedding_legacy=legacy(query) if with_legacy else None,
    )  # fmt: skip
    assert found == wanted


def test_no_given_document_means_no_chunk(library: Library) -> None:
    assert not library.others.search(library.database, CHUNKS, library.queries[0], document_ids=[])


def test_documents_of_another_workspace_yield_nothing(library: Library) -> None:
    assert not library.others.search(
        library.database, CHUNKS, library.queries[0], match_threshold=-1,
        document_ids=library.halfway.ids(DOCUMENTS, range(40)),
    )  # fmt: skip


@both_majors
@pytest.mark.parametrize("with_legacy", [False, True])
@pytest.mark.parametrize("left", [0, 1, 9, 12])
def test_hidden_documents_cost_no_place_in_the_answer(
    library: Library, left: int, with_legacy: bool
) -> None:
    shelf: Shelf = library.halfway if with_legacy else library.others
    query = library.queries[1]
    order = shelf.nearest(query, 40)
    hidden, shown = order[: 40 - left], order[40 - left :]
    arguments: dict[str, Any] = {"match_threshold": -1, "workspace_id_param": shelf.workspace}
    if with_legacy:
        arguments["query_embedding_legacy"] = legacy(query)
    with library.database.engine().connect() as connection, connection.begin() as transaction:
        connection.execute(UNPUBLISH, {"ids": shelf.ids(DOCUMENTS, hidden)})
        hits = search(connection, CHUNKS, query, **arguments)
        transaction.rollback()
    assert [hit.id for hit in hits] == shelf.ids(CHUNKS, shown[:10])
