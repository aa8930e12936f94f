"""The search functions find what an exact search finds, however small the share of a workspace."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fixtures.clusters import both_majors
from fixtures.people import as_user
from fixtures.shelves import BOTH, search
from fixtures.vectors import literal

if TYPE_CHECKING:
    from search.conftest import Crowd

FLOORS = {"50": 1.0, "200": 1.0, "1000": 0.99, "5000": 0.99, "real": 0.97}

THROUGH_THE_INDEX = ("enable_sort = off", "enable_bitmapscan = off", "enable_seqscan = off")
"""Leaves the planner the vector index alone, also where it would rather sort a workspace."""

both_functions = pytest.mark.parametrize("function", BOTH)


def recall(crowd: Crowd, name: str, function: str, *settings: str, count: int = 10) -> float:
    """Mean share of the true nearest rows that are found."""
    shelf = crowd.shelves[name]
    shares = []
    with as_user(crowd.database, shelf.reader) as connection:
        for setting in settings:
            connection.exec_driver_sql(f"set local {setting}")
        for query in crowd.queries[name]:
            hits = search(connection, function, query, match_count=count, match_threshold=-1)
            assert len(hits) == min(count, len(shelf.vectors))
            similarities = [hit.similarity for hit in hits]
            assert similarities == sorted(similarities, reverse=True)
            nearest = set(shelf.ids(function, shelf.nearest(query, count)))
            shares.append(len(nearest & {hit.id for hit in hits}) / len(hits))
    return float(np.mean(shares))


@both_majors
@both_functions
@pytest.mark.parametrize("name", FLOORS)
def test_what_is_nearest_is_found(crowd: Crowd, name: str, function: str) -> None:
    assert recall(crowd, name, function) >= FLOORS[name]


@both_functions
@pytest.mark.parametrize("name", ["1000", "5000", "real"])
@pytest.mark.parametrize("count", [10, 60])
def test_what_is_nearest_is_found_through_the_index(
    crowd: Crowd, name: str, count: int, function: str
) -> None:
    # Sixty of a small share take several rounds of the index, whose results come out of order.
    assert recall(crowd, name, function, *THROUGH_THE_INDEX, count=count) >= 0.95


@both_functions
@pytest.mark.parametrize("count", [1, 100, pytest.param(1000, marks=pytest.mark.slow)])
def test_short_and_long_answers_are_complete(crowd: Crowd, function: str, count: int) -> None:
    for name in ("1000", "5000"):
        assert recall(crowd, name, function, count=count) >= 0.95


@both_majors
@both_functions
@pytest.mark.parametrize("name", ["50", "200", "1000"])
def test_when_the_index_runs_out_first_the_workspace_is_scanned(
    crowd: Crowd, name: str, function: str
) -> None:
    count = int(name) // 2
    settings = (*THROUGH_THE_INDEX, "hnsw.max_scan_tuples = 1")
    assert index_yields(crowd, name, count, *settings) < count, "the index must run out first"
    assert recall(crowd, name, function, *settings, count=count) == 1.0


def index_yields(crowd: Crowd, name: str, count: int, *settings: str) -> int:
    """How many documents the index alone yields for the first query."""
    shelf = crowd.shelves[name]
    with as_user(crowd.database, shelf.reader) as connection:
        connection.exec_driver_sql("select '[1]'::vector")
        for setting in (*settings, "hnsw.iterative_scan = relaxed_order", "hnsw.ef_search = 200"):
            connection.exec_driver_sql(f"set local {setting}")
        found = connection.execute(
            sa.text(
                "select id from public.documents where workspace_id = :w"
                " order by embedding_v2 <=> cast(:q as vector) limit :count"
            ),
            {"w": shelf.workspace, "q": literal(crowd.queries[name][0]), "count": count},
        )
        return len(found.all())


@both_majors
@both_functions
def test_tenants_that_take_turns_on_one_connection_get_their_own_rows(
    crowd: Crowd, function: str
) -> None:
    engine = crowd.database.engine("authenticator")
    names = list(crowd.shelves)
    with engine.connect() as connection:
        for call in range(30):
            name = names[call % len(names)]
            shelf, query = crowd.shelves[name], crowd.queries[name][call % 12]
            with connection.begin():
                become(connection, shelf.reader.claims)
                hits = search(connection, function, query, match_threshold=-1)
            rows = set(shelf.ids(function, shelf.nearest(query)))
            assert len(hits) == 10
            assert len(rows & {hit.id for hit in hits}) >= 8
            assert {hit.id for hit in hits} <= set(shelf.ids(function, range(len(shelf.vectors))))


def become(connection: Connection, claims: dict[str, Any]) -> None:
    setting = sa.text("select set_config('request.jwt.claims', :claims, true)")
    connection.execute(setting, {"claims": json.dumps(claims)})
    connection.exec_driver_sql("set local role authenticated")
