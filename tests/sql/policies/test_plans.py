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
@pytest.mark.parametrize("order", ["", " order by id limit 3"], ids=["", "ordered"])
@pytest.mark.parametrize("scan", ["on", "off"], ids=["indexes", "sequential"])
def test_the_workspace_is_asked_for_once_before_the_first_row(
    worlds: Worlds, major: int, table: str, where: str, order: str, scan: str
) -> None:
    with as_user(worlds(major), W.person("viewer")) as connection:
        for kind in ("indexscan", "bitmapscan", "indexonlyscan"):
            connection.exec_driver_sql(f"set local enable_{kind} = {scan}")
        plan = nodes(connection, f"select * from public.{table}{where}{order}")
    asked = [node for node in plan if "InitPlan" in node.get("Subplan Name", "")]
    assert ["workspace_for('read'" in str(node["Output"]) for node in asked] == [True]
    for node in plan:
        conditions = (node.get(name, "") for name in ("Filter", "Index Cond", "Recheck Cond"))
        assert not any("workspace_for" in condition for condition in conditions)


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
