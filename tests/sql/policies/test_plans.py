"""What the planner makes of the policies: the identity is looked up once, and not for each row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from fixtures.calls import Worlds
from fixtures.clusters import both_majors
from fixtures.people import World, as_user

W = World()

each_table = pytest.mark.parametrize(
    "table", ["documents", "document_chunks", "pdf_documents", "processed_documents"]
)

FLAG = ")::integer = 1)"
"""How plans show a condition about the caller alone."""


def nodes(connection: Connection, query: str) -> list[dict[str, Any]]:
    """The nodes of a plan, from the top."""
    run = {"no_parameters": True}
    statement = f"explain (format json, verbose) {query}"
    (plan,) = connection.exec_driver_sql(statement, execution_options=run).scalar_one()
    return list(_below(plan["Plan"]))


def _below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _below(child)


@both_majors
@each_table
@pytest.mark.parametrize("where", ["", f" where workspace_id = '{W.a}'"], ids=["all", "own"])
def test_the_right_to_read_is_tested_once_before_the_first_row(
    worlds: Worlds, major: int, table: str, where: str
) -> None:
    with as_user(worlds(major), W.person("viewer")) as connection:
        plan = nodes(connection, f"select * from public.{table}{where}")
    once = [node["One-Time Filter"] for node in plan if "One-Time Filter" in node]
    assert [text.count(FLAG) for text in once] == [2]
    assert [node for node in plan if FLAG in node.get("Filter", "")] == []
    # Three policies ask: whether there is a workspace, which one, and whether it may be read.
    assert sum("InitPlan" in node.get("Subplan Name", "") for node in plan) == 3


@both_majors
@each_table
def test_the_planner_expects_as_many_rows_as_without_policies(
    worlds: Worlds, major: int, table: str
) -> None:
    made, query = worlds(major), f"select * from public.{table} where workspace_id = '{W.a}'"
    with made.owner() as connection:
        without = nodes(connection, query)[0]["Plan Rows"]
    with as_user(made, W.person("viewer")) as connection:
        assert nodes(connection, query)[0]["Plan Rows"] == without


@both_majors
def test_no_plan_over_chunks_looks_at_documents(worlds: Worlds, major: int) -> None:
    with as_user(worlds(major), W.person("editor")) as connection:
        for query in (
            "select * from public.document_chunks",
            "update public.document_chunks set content = 'x'",
            "delete from public.document_chunks",
        ):
            read = [node.get("Relation Name") for node in nodes(connection, query)]
            assert {name for name in read if name} == {"document_chunks"}, query


@both_majors
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_query_for_the_number_that_the_policies_compare_with_finds_its_rows(
    worlds: Worlds, major: int, number: int
) -> None:
    # The planner takes all of these to be equal, and derives each comparison from the others.
    query = f"""
      select count(*) from public.document_chunks c, generate_series({number}, {number}) n
      where c.page_number = n and c.page_number = {number}"""
    chunks = "select id from public.document_chunks"
    with as_user(worlds(major), W.person("editor")) as connection:
        found = connection.exec_driver_sql(f"{chunks} order by id").scalars().all()
        pages = "update public.document_chunks set page_number = %s where id = %s"
        for page, chunk in enumerate(found):
            connection.exec_driver_sql(pages, (page % 4, chunk))
        expected = sum(page % 4 == number for page in range(len(found)))
        assert connection.exec_driver_sql(query).scalar_one() == expected > 0
        connection.rollback()
