"""analyze_workspace_query_performance: figures of queries that were executed, now and here."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Connection

from fixtures.altered_functions import with_body
from fixtures.asking import (
    ANON,
    OUTSIDERS,
    SERVICE,
    TABLES,
    Asker,
    Row,
    ask,
    embed_everything,
    refusal,
    rolled_back,
    user,
)
from fixtures.calls import Worlds
from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.people import ROLES, World, as_user, named

W = World()
CALL = "public.analyze_workspace_query_performance(:workspace)"
NOWHERE = named("a workspace that nobody has")

SHARED = (
    "not executed: all workspaces share the vector index, so that its time would tell about theirs;"
    " service_role may measure it"
)
VECTORS = ("document_vector_search", "chunk_vector_search")

ROWS_IN_A = {
    "document_count": 1,
    "document_page": 9,
    "document_by_id": 1,
    "chunks_of_document": 1,
    "chunk_count": 1,
    "document_vector_search": 9,
    "chunk_vector_search": 9,
}


def analyze(connection: Connection, asker: Asker, workspace: object = W.a) -> dict[str, Row]:
    return {row["query_type"]: row for row in ask(connection, asker, CALL, workspace=workspace)}


def scans(connection: Connection) -> int:
    """How often this transaction has scanned documents and chunks."""
    statement = (
        "select sum(seq_scan + coalesce(idx_scan, 0)) from pg_stat_xact_user_tables"
        " where relid in ('public.documents'::regclass, 'public.document_chunks'::regclass)"
    )
    return int(connection.exec_driver_sql(statement).scalar_one())


@both_majors
@pytest.mark.parametrize(
    "asker",
    [*(user(role) for role in ROLES), SERVICE, TABLES],
    ids=str,
)
def test_each_standard_query_is_executed_three_times_and_measured(
    worlds: Worlds, major: int, asker: Asker
) -> None:
    with rolled_back(worlds(major)) as connection:
        embed_everything(connection)
        before = scans(connection)
        found = analyze(connection, asker)
        assert list(found) == list(ROWS_IN_A)
        expected = dict(ROWS_IN_A)
        if asker not in (SERVICE, TABLES):
            for name in VECTORS:
                row = found.pop(name)
                assert (row["total_calls"], row["details"]) == (0, SHARED)
                assert row["avg_execution_time_ms"] is row["cache_hit_ratio"] is None
                del expected[name]
        assert {name: row["rows_per_call"] for name, row in found.items()} == expected
        for row in found.values():
            assert row["scope"] == "workspace probe"
            assert row["total_calls"] == 3
            assert 0 < row["avg_execution_time_ms"] <= row["max_execution_time_ms"]
            assert 0 < row["cache_hit_ratio"] <= 1
        assert scans(connection) - before >= 3 * len(expected)


@both_majors
def test_the_figures_are_of_the_own_workspace(worlds: Worlds, major: int) -> None:
    with rolled_back(worlds(major)) as connection:
        embed_everything(connection)
        found = analyze(connection, user("owner_of_b"), W.b)
        own = {row["rows_per_call"] for name, row in found.items() if name not in VECTORS}
        assert own == {1}
        found = analyze(connection, SERVICE, W.b)
        assert {row["rows_per_call"] for row in found.values()} == {1}


def test_without_an_argument_it_is_the_workspace_of_the_request(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        found = analyze(connection, user("viewer"), None)
        assert found["document_page"]["rows_per_call"] == 9


@both_majors
def test_a_query_without_its_subject_is_not_executed_and_says_so(
    worlds: Worlds, major: int
) -> None:
    with rolled_back(worlds(major)) as connection:
        found = analyze(connection, SERVICE)
        for kind in ("document", "chunk"):
            row = found[f"{kind}_vector_search"]
            assert row["total_calls"] == 0
            assert row["avg_execution_time_ms"] is None
            assert row["details"] == (
                f"not executed: no {kind} of the workspace has an embedding of 768 dimensions"
            )
        connection.exec_driver_sql(f"delete from public.documents where workspace_id = '{W.a}'")
        found = analyze(connection, user("viewer"))
        for name in ("document_by_id", "chunks_of_document"):
            assert found[name]["total_calls"] == 0
            assert found[name]["details"] == "not executed: the workspace has no document"
        assert found["document_page"]["total_calls"] == 3
        assert found["document_page"]["rows_per_call"] == 0


@both_majors
def test_the_indexes_that_a_query_uses_are_named(worlds: Worlds, major: int) -> None:
    with rolled_back(worlds(major)) as connection:
        embed_everything(connection)
        # So few rows are quicker read as a whole.
        for way in ("seqscan", "sort", "bitmapscan"):
            connection.exec_driver_sql(f"set local enable_{way} = off")
        found = analyze(connection, user("viewer"))
        assert found["document_page"]["details"] == "through idx_documents_workspace_created"
        found = analyze(connection, SERVICE)
        for table in ("documents", "document_chunks"):
            name = f"{table.removesuffix('s').removeprefix('document_')}_vector_search"
            assert found[name]["details"] == f"through idx_{table}_embedding_v2_cosine"
    with rolled_back(worlds(major)) as connection:
        connection.exec_driver_sql("set local enable_indexscan = off")
        connection.exec_driver_sql("set local enable_indexonlyscan = off")
        connection.exec_driver_sql("set local enable_bitmapscan = off")
        assert analyze(connection, SERVICE)["document_page"]["details"] == "without an index"


@both_majors
def test_nothing_is_measured_for_a_user_that_depends_on_rows_of_others(
    worlds: Worlds, major: int
) -> None:
    """No walk through an index of vectors, which all share, and no scan of a whole table."""
    walks = (
        "select pg_stat_get_xact_numscans('public.idx_documents_embedding_v2_cosine'::regclass)"
        " + pg_stat_get_xact_numscans('public.idx_document_chunks_embedding_v2_cosine'::regclass)"
    )
    whole = (
        "select sum(seq_scan) from pg_stat_xact_user_tables"
        " where relid in ('public.documents'::regclass, 'public.document_chunks'::regclass)"
    )
    with rolled_back(worlds(major)) as connection:
        embed_everything(connection)
        connection.exec_driver_sql("analyze public.documents, public.document_chunks")
        # As on a large table, but for the scan of a whole one.
        connection.exec_driver_sql("set local enable_sort = off")
        connection.exec_driver_sql("set local enable_bitmapscan = off")
        counted = [[connection.exec_driver_sql(sql).scalar_one() for sql in (walks, whole)]]
        for asker in (user("viewer"), SERVICE):
            analyze(connection, asker)
            counted.append([connection.exec_driver_sql(sql).scalar_one() for sql in (walks, whole)])
    before, user_, service = counted
    assert user_ == before
    assert service > user_


@both_majors
def test_it_works_in_a_session_that_has_not_met_vectors_yet(worlds: Worlds, major: int) -> None:
    made: Database = worlds(major)
    made.engine("authenticator").dispose()
    with as_user(made, W.person("viewer")) as connection:
        statement = f"select count(*) from public.analyze_workspace_query_performance('{W.a}')"
        assert connection.exec_driver_sql(statement).scalar_one() == len(ROWS_IN_A)


@pytest.mark.parametrize(
    ("asker", "platform_wide"),
    [
        (SERVICE, ["statement 1"]),
        (TABLES, ["statement 1"]),
        (user("owner"), []),
    ],
    ids=str,
)
def test_what_is_counted_platform_wide_is_for_roles_that_see_all(
    worlds: Worlds, asker: Asker, platform_wide: list[str]
) -> None:
    with rolled_back(worlds()) as connection:
        # As where pg_stat_statements is installed.
        body = "begin query_type := 'statement 1'; return next; end"
        with_body(connection, "mivaa.platform_statements()", body)
        rows = ask(connection, asker, CALL, workspace=W.a)
    found: dict[str, list[str]] = {scope: [] for scope in ("workspace probe", "platform-wide")}
    for row in rows:
        found[row["scope"]].append(row["query_type"])
    assert found["workspace probe"]
    assert found["platform-wide"] == platform_wide


@both_majors
@pytest.mark.parametrize("asker", [SERVICE, TABLES], ids=str)
def test_without_pg_stat_statements_nothing_is_said_of_the_platform(
    worlds: Worlds, major: int, asker: Asker
) -> None:
    with rolled_back(worlds(major)) as connection:
        installed = "select exists (select from pg_extension where extname = 'pg_stat_statements')"
        assert connection.exec_driver_sql(installed).scalar_one() is False
        assert {r["scope"] for r in analyze(connection, asker).values()} == {"workspace probe"}
        assert ask(connection, asker, "mivaa.platform_statements()") == []


@both_majors
@pytest.mark.parametrize("asker", OUTSIDERS, ids=str)
def test_a_request_without_a_workspace_is_refused(worlds: Worlds, major: int, asker: Asker) -> None:
    with rolled_back(worlds(major)) as connection:
        for workspace in (None, W.a):
            refused = refusal(connection, asker, CALL, workspace=workspace)
            assert (refused.state, refused.message) == (
                "42501",
                "this request has no workspace",
            )


@pytest.mark.parametrize("workspace", [W.b, NOWHERE])
def test_another_workspace_is_refused_whether_it_exists_or_not(
    worlds: Worlds, workspace: object
) -> None:
    with rolled_back(worlds()) as connection:
        refused = refusal(connection, user("owner"), CALL, workspace=workspace)
    assert refused.state == "42501"
    assert refused.message == f"workspace {workspace} is not the workspace of this request"


@both_majors
@pytest.mark.parametrize("asker", [SERVICE, TABLES], ids=str)
def test_roles_that_see_everything_must_name_a_workspace_that_exists(
    worlds: Worlds, major: int, asker: Asker
) -> None:
    with rolled_back(worlds(major)) as connection:
        unnamed = refusal(connection, asker, CALL, workspace=None)
        assert (unnamed.state, unnamed.message) == ("22004", "no workspace is named")
        unknown = refusal(connection, asker, CALL, workspace=NOWHERE)
        assert (unknown.state, unknown.message) == (
            "22023",
            f"workspace {NOWHERE} does not exist",
        )


def test_anon_cannot_call_them(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        refused = refusal(connection, ANON, CALL, workspace=W.a)
    assert refused.state == "42501"
    assert "permission denied for function" in refused.message


@pytest.mark.parametrize(
    "entrance", [f"mivaa.is_workspace('{W.b}')", "mivaa.platform_statements()"]
)
def test_what_serves_those_who_see_everything_is_closed_to_users(
    worlds: Worlds, entrance: str
) -> None:
    with rolled_back(worlds()) as connection:
        refused = refusal(connection, user("owner"), entrance)
    assert refused.state == "42501"
    assert "permission denied for function" in refused.message


def test_the_probe_itself_takes_no_other_workspace_from_a_user(worlds: Worlds) -> None:
    with rolled_back(worlds()) as connection:
        assert ask(connection, user("owner"), f"mivaa.probe_workspace('{W.a}')")
        refused = refusal(connection, user("owner"), f"mivaa.probe_workspace('{W.b}')")
    assert refused.state == "42501"
    assert "is not the workspace of this request" in refused.message
