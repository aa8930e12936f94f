"""A survey finds everything invalid, says what waits for what, and changes nothing."""

from __future__ import annotations

import pytest

from fixtures.databases import Database
from fixtures.existing_platform import checksums, columns_of
from fixtures.people import World
from mivaa_schema import repair
from mivaa_schema.repair import Finding

REPAIRABLE = {
    "unknown-workspaces": {"public.documents": 1},
    "dangling-extractions": {"public.processed_documents": 1},
    "missing-workspace": {"public.documents": 2, "public.processed_documents": 1},
    "chunk-workspace": {"public.document_chunks": 25},
    "extraction-workspace": {"public.processed_documents": 1},
    "orphaned-chunks": {"public.document_chunks": 2},
    "unknown-users": {"public.documents": 1},
    "unknown-members": {"public.workspace_members": 1},
    "unknown-statuses": {},
    "unknown-roles": {},
    "unknown-member-statuses": {},
    "zero-vectors": {"public.documents": 1},
    "untrue-completions": {"public.document_chunks": 10},
    "constraints": {},
}
"""What was planted and can be repaired without a decision, by repair and table."""

UNDECIDED = {
    "missing-workspace": {
        ("public.documents", 1, "no workspace is known for it: name one with --workspace"),
        ("public.documents", 2, "several workspaces are possible: name one with --workspace"),
        ("public.document_chunks", 121, "follows its document, which has no workspace"),
        ("public.document_chunks", 1, "its document does not exist: see orphaned-chunks"),
        ("public.pdf_documents", 1, "no workspace is known for it: name one with --workspace"),
    },
    "extraction-workspace": {
        ("public.processed_documents", 1, "its PDF and its document are in two workspaces"),
    },
    "orphaned-chunks": {
        ("public.document_chunks", 1, "every chunk of its workspace would be deleted"),
    },
    "unknown-statuses": {
        ("public.documents", 1, "status 'weird' is unknown: --map weird=... maps it to one"),
        ("public.documents", 1, "status null is unknown: --map =... maps it to one"),
        ("public.processed_documents", 1, "status 'done' is unknown: --map done=..."),
    },
    "unknown-roles": {
        ("public.workspace_members", 1, "role 'superhero' is unknown: --map superhero=..."),
    },
    "unknown-member-statuses": {
        ("public.workspace_members", 1, "status 'gone' is unknown: --map gone=..."),
    },
}
"""What only the owner can decide: table, number of rows, and how the reason begins."""


@pytest.fixture(scope="module")
def found(shared_adopted: Database) -> dict[str, list[Finding]]:
    return repair.survey(shared_adopted.engine())


@pytest.mark.parametrize("name", REPAIRABLE)
def test_it_finds_what_it_can_repair(found: dict[str, list[Finding]], name: str) -> None:
    can = {one.object: one.count for one in found[name] if one.reason is None}
    assert can == REPAIRABLE[name]


@pytest.mark.parametrize("name", UNDECIDED)
def test_it_says_what_only_the_owner_can_decide(found: dict[str, list[Finding]], name: str) -> None:
    waiting = [one for one in found[name] if one.reason]
    assert len(waiting) == len(UNDECIDED[name])
    for table, count, begins in UNDECIDED[name]:
        assert any(
            (one.object, one.count) == (table, count) and str(one.reason).startswith(begins)
            for one in waiting
        ), f"{table}: {begins}"


def test_the_known_values_are_listed(found: dict[str, list[Finding]]) -> None:
    assert str(found["unknown-roles"][0].reason).endswith(
        "maps it to one of owner, admin, editor, viewer, member"
    )


def test_every_repair_has_a_case(found: dict[str, list[Finding]]) -> None:
    # What is open is no matter of rows: tests/repair/test_access.py.
    rows = {name: findings for name, findings in found.items() if name != "access"}
    assert list(rows) == list(REPAIRABLE)
    assert list(found) == [one.name for one in repair.REPAIRS]
    assert all(rows.values())
    assert found["access"] == []


def test_constraints_wait_for_the_rows_that_do_not_meet_them(
    found: dict[str, list[Finding]],
) -> None:
    reasons = {one.object.split()[1]: one.reason for one in found["constraints"]}
    assert len(reasons) == 14
    assert reasons["documents_status_check"] == "1 row(s) do not meet it"
    assert reasons["pdf_documents_workspace_id_check"] == "1 row(s) do not meet it"
    # The orphans, and the chunks in another workspace than their document.
    key = "document_chunks_workspace_id_document_id_fkey"
    assert reasons[key] == "29 row(s) do not meet it"
    # Those that the upgrade could validate are done.
    assert "document_chunks_workspace_id_fkey" not in reasons


def test_looking_changes_nothing(adopted_database: Database) -> None:
    columns = columns_of(adopted_database)
    rows, dump = checksums(adopted_database, columns), adopted_database.dump()
    repair.survey(adopted_database.engine())
    assert checksums(adopted_database, columns) == rows
    assert adopted_database.dump() == dump


def test_nothing_is_found_where_nothing_is_wrong(shared_world: Database, world: World) -> None:
    found = repair.survey(shared_world.engine())
    assert {name: findings for name, findings in found.items() if findings} == {}
