"""search_documents_hybrid and search_document_chunks_hybrid: what both do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from fixtures.asking import plant, rolled_back
from fixtures.calls import Refusal
from fixtures.clusters import both_majors
from fixtures.people import INACTIVE, ROLES, Person, World, acting, as_user, named
from fixtures.shelves import BOTH, CHUNKS, DOCUMENTS, Shelf, legacy, search
from fixtures.vectors import cosines, literal

if TYPE_CHECKING:
    from sql.functions.conftest import Library

W = World()
ZEROS = np.zeros(768, np.float32)
ONES = np.ones(768, np.float32)

both_functions = pytest.mark.parametrize("function", BOTH)


def refusal(library: Library, function: str, query: Any, **arguments: Any) -> Refusal:
    with pytest.raises(exc.DBAPIError) as caught:
        library.others.search(library.database, function, query, **arguments)
    return Refusal.of(caught.value)


@both_majors
@both_functions
def test_the_nearest_come_first_with_their_cosine(library: Library, function: str) -> None:
    shelf = library.others
    for query in library.queries:
        hits = shelf.search(library.database, function, query)
        rows = shelf.nearest(query)
        assert [hit.id for hit in hits] == shelf.ids(function, rows)
        expected = cosines(shelf.vectors, query)[rows]
        np.testing.assert_allclose([hit.similarity for hit in hits], expected, atol=1e-5)
        assert {hit.embedding_version for hit in hits} == {"v2"}


def test_documents_come_with_what_is_shown_of_them(library: Library) -> None:
    (hit,) = library.others.search(
        library.database, DOCUMENTS, library.others.vectors[7], match_count=1
    )
    assert hit._asdict() == {
        "id": library.others.id(DOCUMENTS, 7),
        "title": "Title 7",
        "content": "Content 7 of others",
        "similarity": pytest.approx(1.0),
        "embedding_version": "v2",
        "metadata": {},
        "embedding_model": "model-a",
    }


def test_chunks_come_with_what_is_shown_of_them(library: Library) -> None:
    (hit,) = library.others.search(
        library.database, CHUNKS, library.others.vectors[27], match_count=1
    )
    assert hit._asdict() == {
        "id": library.others.id(CHUNKS, 27),
        "document_id": library.others.id(DOCUMENTS, 27),
        "chunk_index": 27,
        "content": "Content 27 of others",
        "similarity": pytest.approx(1.0),
        "embedding_version": "v2",
        "page_number": 28,
        "metadata": {},
        "embedding_model": None,
    }


# Who may ask


@both_majors
@both_functions
@pytest.mark.parametrize("role", ROLES)
def test_every_role_of_the_workspace_finds_its_searchable_rows_and_no_others(
    library: Library, function: str, role: str
) -> None:
    searchable = [row for row in range(40) if library.status(row) in ("active", "published")]
    with as_user(library.database, W.person(role)) as connection:
        hits = search(connection, function, ONES, match_count=100, match_threshold=-1)
    assert sorted(hit.id for hit in hits) == sorted(library.a.ids(function, searchable))


@both_majors
@both_functions
@pytest.mark.parametrize("name", [*INACTIVE, "stranger"])
def test_a_user_who_is_no_active_member_is_refused(
    library: Library, function: str, name: str
) -> None:
    for workspace in (None, W.a):
        with (
            as_user(library.database, W.person(name)) as connection,
            pytest.raises(exc.ProgrammingError, match="this request has no workspace"),
        ):
            search(connection, function, ONES, workspace_id_param=workspace)


@both_majors
@both_functions
@pytest.mark.parametrize("foreign", [W.a, W.b, named("workspace nowhere")])
def test_a_foreign_workspace_is_refused(library: Library, function: str, foreign: Any) -> None:
    refused = refusal(library, function, ONES, workspace_id_param=foreign)
    assert refused.state == "42501"
    assert "is not the workspace of this request" in refused.message


@both_functions
def test_the_own_workspace_may_be_named(library: Library, function: str) -> None:
    rows = library.others.found(
        library.database, function, ONES, workspace_id_param=library.others.workspace,
        match_threshold=-1,
    )  # fmt: skip
    assert rows == library.others.nearest(ONES)


@both_majors
@both_functions
def test_anon_may_not_call_it(library: Library, function: str) -> None:
    with (
        acting(library.database, "anon") as connection,
        pytest.raises(exc.ProgrammingError, match="permission denied"),
    ):
        search(connection, function, ONES)


@both_majors
@both_functions
@pytest.mark.parametrize("role", ["service_role", "owner"])
def test_roles_that_see_all_must_name_a_workspace_and_get_that_one(
    library: Library, function: str, role: str
) -> None:
    made = library.database
    opened = made.owner if role == "owner" else lambda: acting(made, "service_role")
    with opened() as connection:
        hits = search(
            connection, function, ONES, match_threshold=-1,
            workspace_id_param=library.others.workspace,
        )  # fmt: skip
    assert [hit.id for hit in hits] == library.others.ids(function, library.others.nearest(ONES))
    with pytest.raises(exc.DBAPIError) as caught, opened() as connection:
        search(connection, function, ONES)
    assert Refusal.of(caught.value).state == "22004"


@both_functions
def test_an_unknown_workspace_is_empty_for_roles_that_see_all(
    library: Library, function: str
) -> None:
    with acting(library.database, "service_role") as connection:
        assert not search(connection, function, ONES, workspace_id_param=named("nowhere"))


# What may be asked


@both_majors
@both_functions
@pytest.mark.parametrize(
    ("arguments", "state", "message"),
    [
        ({"query_embedding": None}, "22004", "there is no query vector"),
        ({"query_embedding": ZEROS}, "22023", "the query vector is all zeros"),
        ({"query_embedding": ONES[:3]}, "22023", "query_embedding has 3 dimensions, expected 768"),
        (
            {"query_embedding": np.ones(1536)},
            "22023",
            "query_embedding has 1536 dimensions, expected 768",
        ),
        (
            {"query_embedding_legacy": ONES},
            "22023",
            "query_embedding_legacy has 768 dimensions, expected 1536",
        ),
        ({"query_embedding_legacy": np.zeros(1536)}, "22023", "the query vector is all zeros"),
        ({"match_count": 0}, "22023", "match_count is 0, expected 1 to 1000"),
        ({"match_count": -1}, "22023", "match_count is -1, expected 1 to 1000"),
        ({"match_count": 1001}, "22023", "match_count is 1001, expected 1 to 1000"),
        ({"match_threshold": 1.5}, "22023", "match_threshold is 1.5, expected -1 to 1"),
        ({"match_threshold": -2}, "22023", "match_threshold is -2, expected -1 to 1"),
        ({"match_threshold": float("nan")}, "22023", "match_threshold is NaN, expected -1 to 1"),
    ],
    ids=repr,
)
def test_what_has_no_answer_is_refused(
    library: Library, function: str, arguments: dict[str, Any], state: str, message: str
) -> None:
    refused = refusal(library, function, **{"query": ONES, **rename(arguments)})
    assert refused.state == state
    assert refused.message.startswith(message)
    assert refused.hint


def rename(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        "query" if name == "query_embedding" else name: value for name, value in arguments.items()
    }


@both_functions
def test_null_means_the_default(library: Library, function: str) -> None:
    shelf, query = library.others, library.queries[0]
    plain = shelf.found(library.database, function, query)
    assert plain == shelf.found(
        library.database, function, query, query_embedding_legacy=None, workspace_id_param=None,
        match_threshold=None, match_count=None, query_model=None,
    )  # fmt: skip
    assert len(plain) == 10
    everything = shelf.found(library.database, function, library.queries[1], match_count=40)
    assert everything == shelf.found(
        library.database, function, library.queries[1], match_count=40, match_threshold=None
    )
    assert len(everything) < 40


@both_functions
@pytest.mark.parametrize("length", [1e-30, 1e-3, 1e5, 1e30])
def test_the_length_of_the_query_does_not_matter(
    library: Library, function: str, length: float
) -> None:
    query = library.queries[0]
    hits = library.others.search(library.database, function, query)
    scaled = library.others.search(library.database, function, query.astype(float) * length)
    assert [hit.id for hit in scaled] == [hit.id for hit in hits]
    np.testing.assert_allclose(
        [hit.similarity for hit in scaled], [hit.similarity for hit in hits], atol=1e-6
    )


@both_functions
def test_only_what_is_more_similar_than_the_threshold_is_found(
    library: Library, function: str
) -> None:
    shelf, query = library.others, library.queries[1]
    hits = shelf.search(library.database, function, query, match_count=40, match_threshold=-1)
    assert len(hits) == 40
    fifth = hits[4].similarity
    more = shelf.search(library.database, function, query, match_threshold=fifth)
    assert [hit.id for hit in more] == [hit.id for hit in hits[:4]]
    assert not shelf.search(library.database, function, query, match_threshold=1)
    default = shelf.search(library.database, function, query, match_count=40)
    assert [hit.id for hit in default] == [hit.id for hit in hits if hit.similarity > 0]


@both_functions
def test_a_row_whose_vector_is_all_zeros_is_not_found(library: Library, function: str) -> None:
    shelf = library.others
    table = {DOCUMENTS: "documents", CHUNKS: "document_chunks"}[function]
    with library.database.owner() as connection:
        connection.execute(
            sa.text(
                f"update public.{table} set embedding_v2 = cast(:zeros as vector)"
                " where id = any (:ids)"
            ),
            {"zeros": literal(ZEROS), "ids": shelf.ids(function, range(5))},
        )
        hits = search(
            connection, function, ONES, match_count=100, match_threshold=-1,
            workspace_id_param=shelf.workspace,
        )  # fmt: skip
        connection.rollback()
    assert sorted(hit.id for hit in hits) == sorted(shelf.ids(function, range(5, 40)))


@both_majors
@both_functions
def test_a_query_of_another_model_is_refused(library: Library, function: str) -> None:
    recorded, unrecorded = library.others.vectors[3], library.others.vectors[30]
    refused = refusal(library, function, recorded, match_count=1, query_model="model-b")
    assert refused.state == "22023"
    assert refused.message.startswith("the query was embedded by model-b, ")
    assert refused.message.endswith(" by model-a")
    for query, model in ((recorded, "model-a"), (recorded, None), (unrecorded, "model-b")):
        assert library.others.found(
            library.database, function, query, match_count=1, query_model=model
        )


SCANS = """
select current_setting('hnsw.iterative_scan', true), current_setting('hnsw.ef_search', true)
"""


@both_majors
@both_functions
def test_the_settings_of_a_scan_end_with_the_search(library: Library, function: str) -> None:
    """Found or refused, in a session that has set its own and in one that has not."""
    person = W.person("viewer")
    call = f"select count(*) from public.{function}(array_fill(1, array[768])::vector"
    refused = f"{call}, match_count => 0)"
    library.database.engine("authenticator").dispose()
    for own in (("off", "40"), ("strict_order", "77")):
        with as_user(library.database, person) as connection:
            if own != ("off", "40"):
                for name, value in zip(("iterative_scan", "ef_search"), own, strict=True):
                    connection.exec_driver_sql(f"set local hnsw.{name} = {value}")
            connection.exec_driver_sql(f"{call})")
            assert connection.exec_driver_sql(SCANS).one() == own
            with pytest.raises(exc.DBAPIError), connection.begin_nested():
                connection.exec_driver_sql(refused)
            assert connection.exec_driver_sql(SCANS).one() == own
            legacy_ = "query_embedding_legacy => array_fill(1, array[1536])::vector"
            for both in (f"{call}, {legacy_})", f"select 1 from public.{function}({legacy_})"):
                connection.exec_driver_sql(both)
                assert connection.exec_driver_sql(SCANS).one() == own
            connection.rollback()


# While embeddings move


@both_majors
@both_functions
def test_a_half_moved_workspace_answers_as_if_nothing_had_moved(
    library: Library, function: str
) -> None:
    shelf = library.halfway
    for query in library.queries:
        hits = shelf.search(library.database, function, query, query_embedding_legacy=legacy(query))
        rows = shelf.nearest(query)
        assert [hit.id for hit in hits] == shelf.ids(function, rows)
        assert [hit.embedding_version for hit in hits] == [
            "v2" if row in library.moved else "v1" for row in rows
        ]
        np.testing.assert_allclose(
            [hit.similarity for hit in hits], cosines(shelf.vectors, query)[rows], atol=1e-5
        )


@both_functions
def test_cosines_of_two_models_are_never_compared(library: Library, function: str) -> None:
    shelf, query = library.halfway, library.queries[0]
    # The legacy model gives every cosine a third of its size: it must not change the order.
    weak = legacy(query) + 3 * np.linalg.svd(legacy(shelf.vectors))[2][-1].astype(np.float32)
    found = shelf.found(library.database, function, query, query_embedding_legacy=weak)
    assert found == shelf.nearest(query)


@both_functions
def test_lists_that_cannot_be_compared_take_turns(library: Library, function: str) -> None:
    shelf, query = library.without_legacy, library.queries[2]
    found = shelf.found(
        library.database, function, query, query_embedding_legacy=legacy(query),
        match_threshold=-1,
    )  # fmt: skip
    order = shelf.nearest(query, 40)
    new = [row for row in order if row in library.moved][:5]
    old = [row for row in order if row not in library.moved][:5]
    assert found == [row for pair in zip(new, old, strict=True) for row in pair]


@both_functions
def test_without_a_legacy_query_only_rows_with_a_new_embedding_are_found(
    library: Library, function: str
) -> None:
    found = library.halfway.found(
        library.database, function, library.queries[0], match_count=100, match_threshold=-1
    )
    assert sorted(found) == library.moved


@both_majors
@both_functions
def test_a_legacy_query_alone_finds_every_row_with_a_legacy_embedding(
    library: Library, function: str
) -> None:
    query = library.queries[3]
    hits = library.halfway.search(
        library.database, function, None, query_embedding_legacy=legacy(query)
    )
    rows = library.halfway.nearest(query)
    assert [hit.id for hit in hits] == library.halfway.ids(function, rows)
    assert {hit.embedding_version for hit in hits} == {"v1"}


@both_functions
@pytest.mark.parametrize("count", [1, 7, 25, 40])
def test_as_many_as_asked_for_are_found_whichever_vector_they_have(
    library: Library, function: str, count: int
) -> None:
    for shelf in (library.halfway, library.without_legacy):
        query = library.queries[4]
        found = shelf.found(
            library.database, function, query, query_embedding_legacy=legacy(query),
            match_count=count, match_threshold=-1,
        )  # fmt: skip
        assert len(found) == len(set(found)) == count


@both_functions
def test_the_threshold_holds_for_the_own_cosine_of_every_row(
    library: Library, function: str
) -> None:
    shelf, query = library.without_legacy, library.queries[2]
    hits = shelf.search(
        library.database, function, query, query_embedding_legacy=legacy(query),
        match_threshold=0.3, match_count=40,
    )  # fmt: skip
    assert len(hits) == int(np.sum(cosines(shelf.vectors, query) > 0.3))
    assert min(hit.similarity for hit in hits) > 0.3


@both_functions
@pytest.mark.parametrize("name", [*INACTIVE, "stranger"])
def test_a_legacy_query_needs_a_workspace_too(library: Library, function: str, name: str) -> None:
    with (
        as_user(library.database, W.person(name)) as connection,
        pytest.raises(exc.ProgrammingError, match="this request has no workspace"),
    ):
        search(
            connection, function, None, query_embedding_legacy=legacy(ONES),
            workspace_id_param=W.a,
        )  # fmt: skip


@both_functions
@pytest.mark.parametrize("spaces", ["legacy", "both"])
def test_a_legacy_query_finds_what_is_searchable_and_has_a_direction(
    library: Library, function: str, spaces: str
) -> None:
    shelf, query = library.halfway, library.queries[1]
    table = {DOCUMENTS: "documents", CHUNKS: "document_chunks"}[function]
    # Of the even rows both vectors are there, of the odd ones only the legacy one.
    zeros = {"zeros": literal(np.zeros(1536)), "ids": shelf.ids(function, [5, 6])}
    expected = [row for row in range(40) if library.status(row) in ("active", "published")]
    expected = [row for row in expected if row != 5 and (row != 6 or spaces == "both")]
    with library.database.owner() as connection:
        for row in range(40):
            status = {"status": library.status(row), "id": shelf.id(DOCUMENTS, row)}
            sql = "update public.documents set status = :status where id = :id"
            connection.execute(sa.text(sql), status)
        sql = f"update public.{table} set embedding = cast(:zeros as vector) where id = any (:ids)"
        connection.execute(sa.text(sql), zeros)
        hits = search(
            connection, function, query if spaces == "both" else None,
            query_embedding_legacy=legacy(query), match_count=100, match_threshold=-1,
            workspace_id_param=shelf.workspace,
        )  # fmt: skip
        connection.rollback()
    assert sorted(hit.id for hit in hits) == sorted(shelf.ids(function, expected))


@pytest.mark.parametrize("spaces", ["new", "legacy", "both"])
def test_a_chunk_in_another_workspace_than_its_document_is_found_in_neither(
    library: Library, spaces: str
) -> None:
    # As in an adopted table, whose key may be missing; roles that see all see both.
    here, there, query = library.halfway, library.without_legacy, library.queries[1]
    vectors = {
        "query": None if spaces == "legacy" else query,
        "query_embedding_legacy": None if spaces == "new" else legacy(query),
    }

    def found(connection: Connection, shelf: Shelf) -> list[Any]:
        hits = search(
            connection, CHUNKS, **vectors, match_count=100, match_threshold=-1,
            workspace_id_param=shelf.workspace,
        )  # fmt: skip
        return sorted(hit.id for hit in hits)

    with rolled_back(library.database) as connection:
        before = {shelf.name: found(connection, shelf) for shelf in (here, there)}
        misplaced = here.ids(CHUNKS, [0, 1])
        for row, chunk in enumerate(misplaced):
            document = there.id(DOCUMENTS, row)
            move = f"update public.document_chunks set document_id = '{document}'"
            plant(connection, f"{move} where id = '{chunk}'")
        expected = [chunk for chunk in before[here.name] if chunk not in misplaced]
        assert len(expected) < len(before[here.name])
        assert found(connection, here) == expected
        assert found(connection, there) == before[there.name]


@pytest.mark.parametrize("kind", ["documents", "chunks"])
def test_what_serves_the_search_shows_nobody_more_than_the_tables_do(
    library: Library, kind: str
) -> None:
    stranger, foreign = Person("stranger"), library.halfway.workspace
    ids = ", null" if kind == "chunks" else ""
    query = literal(legacy(ONES))
    with as_user(library.database, stranger) as connection:
        hits = connection.execute(
            sa.text(
                f"select * from mivaa.search_{kind}_legacy("
                f"cast(:query as vector), :workspace, -1, 10{ids}, false)"
            ),
            {"query": query, "workspace": foreign},
        ).all()
    assert not hits
