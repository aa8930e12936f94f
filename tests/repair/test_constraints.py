"""Once the rows are mended, the schema is as if nothing had been wrong; it can be taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from history.test_round_trips import assert_same
from repair.bad_rows import LOST, WITHOUT_RULES, A, row

from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.existing_platform import checksums, run, scalar
from mivaa_schema import repair
from mivaa_schema.errors import NothingMendable
from mivaa_schema.repair import Options
from mivaa_schema.settings import Settings

OPEN = (
    "select count(*) from pg_constraint where not convalidated"
    " and connamespace = 'public'::regnamespace"
)


def apply(database: Database, name: str, options: Options | None = None) -> None:
    repair.apply(database.engine(), repair.find(name), options or Options(), Settings())


def mend_rows(database: Database) -> None:
    """As an owner would: what is clear first, then what takes a decision."""
    for name in (
        "unknown-workspaces",
        "dangling-extractions",
        "missing-workspace",
        "chunk-workspace",
        "extraction-workspace",
        "orphaned-chunks",
        "unknown-users",
        "unknown-members",
        "zero-vectors",
        "untrue-completions",
    ):
        apply(database, name)
    apply(database, "missing-workspace", Options(workspace=A))
    # A document that went to A by decision has a chunk that was in B.
    apply(database, "chunk-workspace")
    statuses = {"weird": "archived", "": "active", "done": "completed"}
    apply(database, "unknown-statuses", Options(mapping=statuses))
    apply(database, "unknown-roles", Options(mapping={"superhero": "viewer"}))
    apply(database, "unknown-member-statuses", Options(mapping={"gone": "removed"}))
    run(
        database,
        f"delete from public.document_chunks where workspace_id = '{LOST}';"
        "update public.processed_documents set pdf_document_id = null"
        f" where id = '{row('extraction torn')}'",
    )


@pytest.fixture
def clean_database(
    major: int, clone: Callable[[int, str], Database], existing_template: Callable[[int], str]
) -> Database:
    """The same platform with rows that break no rule, after the upgrade."""
    made = clone(major, existing_template(major))
    run(made, WITHOUT_RULES)
    run(
        made,
        "update public.documents d set workspace_id = (select id from public.workspaces limit 1)"
        " where d.workspace_id is null;"
        "update public.document_chunks c set workspace_id = d.workspace_id"
        " from public.documents d where d.id = c.document_id",
    )
    made.upgrade()
    return made


@both_majors
def test_a_mended_platform_gets_the_schema_of_a_clean_one_and_goes_back(
    bad_database: Database, clean_database: Database
) -> None:
    before = bad_database.dump()
    bad_database.upgrade()
    assert scalar(bad_database, OPEN) > 0
    mend_rows(bad_database)
    apply(bad_database, "constraints")
    assert not any(repair.survey(bad_database.engine()).values())
    assert_same(clean_database.dump(), bad_database.dump(), "a repair")
    assert scalar(bad_database, OPEN) == 0

    mended = {"documents": ["id", "workspace_id", "status", "user_id"]}
    rows = checksums(bad_database, mended)
    bad_database.downgrade()
    assert_same(before, bad_database.dump(), "downgrade to base")
    # The rows stay mended.
    assert checksums(bad_database, mended) == rows


def test_each_constraint_comes_as_soon_as_its_own_rows_are_mended(
    adopted_database: Database,
) -> None:
    statuses = {"weird": "archived", "": "active"}
    apply(adopted_database, "unknown-statuses", Options(mapping=statuses))
    apply(adopted_database, "constraints")
    found = repair.survey(adopted_database.engine(), [repair.find("constraints")])["constraints"]
    assert "constraint documents_status_check of public.documents" not in {f.object for f in found}
    assert len(found) == 13
    recorded = (
        "select count(*) from mivaa.ledger where kind = 'constraint'"
        " and object_name = 'public.documents.documents_status_check'"
    )
    assert scalar(adopted_database, recorded) == 1
    assert scalar(
        adopted_database,
        "select convalidated from pg_constraint where conname = 'documents_status_check'",
    )


def test_no_constraint_comes_while_rows_do_not_meet_it(adopted_database: Database) -> None:
    before = adopted_database.dump()
    with pytest.raises(NothingMendable, match=r"documents_status_check .*1 row\(s\) do not meet"):
        apply(adopted_database, "constraints")
    assert adopted_database.dump() == before


def test_a_constraint_of_the_platforms_is_left_to_it(
    adopted_database: Database,
) -> None:
    run(
        adopted_database,
        "update public.documents set status = 'active' where status is distinct from 'active';"
        "alter table public.documents add constraint documents_status_check"
        " check (status = 'active') not valid",
    )
    found = repair.survey(adopted_database.engine(), [repair.find("constraints")])["constraints"]
    assert "constraint documents_status_check of public.documents" not in {f.object for f in found}
