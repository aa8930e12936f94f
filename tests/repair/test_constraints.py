"""Once the rows are repaired, the schema is as if nothing had been wrong, and can be reverted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from history.test_round_trips import assert_same
from repair.bad_rows import LOST, WITHOUT_RULES, A, row

from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.existing_platform import checksums, run, scalar
from mivaa_schema import history, repair
from mivaa_schema.repair import Options
from mivaa_schema.repair.errors import NothingRepairable
from mivaa_schema.settings import Settings

OPEN = (
    "select count(*) from pg_constraint where not convalidated"
    " and connamespace = 'public'::regnamespace"
)


def apply(database: Database, name: str, options: Options | None = None) -> None:
    repair.apply(database.engine(), repair.find(name), options or Options(), Settings())


def repair_rows(database: Database) -> None:
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
def test_a_repaired_platform_gets_the_schema_of_a_clean_one_and_can_be_downgraded(
    bad_database: Database, clean_database: Database
) -> None:
    before = bad_database.dump()
    bad_database.upgrade()
    assert scalar(bad_database, OPEN) > 0
    repair_rows(bad_database)
    apply(bad_database, "constraints")
    assert not any(repair.survey(bad_database.engine()).values())
    assert_same(clean_database.dump(), bad_database.dump(), "a repair")
    assert scalar(bad_database, OPEN) == 0

    repaired = {"documents": ["id", "workspace_id", "status", "user_id"]}
    rows = checksums(bad_database, repaired)
    bad_database.downgrade()
    assert_same(before, bad_database.dump(), "downgrade to base")
    # The rows stay repaired.
    assert checksums(bad_database, repaired) == rows


def test_each_constraint_comes_as_soon_as_its_own_rows_are_repaired(
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
    with pytest.raises(NothingRepairable, match=r"documents_status_check .*1 row\(s\) do not meet"):
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


def test_names_and_values_of_any_kind_are_read_from_a_manifest(
    adopted_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(
        adopted_database,
        'create table public."Odd %Rows" ("order" uuid, "sourceUrl" text);'
        "insert into public.\"Odd %Rows\" values (gen_random_uuid(), '100% :x'), (null, 'good')",
    )
    check = {
        "kind": "check",
        "table": "public.Odd %Rows",
        "name": "Odd Check",
        "condition": "\"sourceUrl\" <> '100% :x'",
    }
    key = {
        "kind": "foreign_key",
        "table": "public.Odd %Rows",
        "name": "Odd Key",
        "columns": ["order"],
        "references": "public.documents",
        "referenced_columns": ["id"],
    }
    monkeypatch.setattr(history, "objects", lambda *kinds: [check, key])
    with adopted_database.owner() as connection:
        found = repair.find("constraints").survey(connection, Options())
        assert [(one.object, one.reason) for one in found] == [
            ("constraint Odd Check of public.Odd %Rows", "1 row(s) do not meet it"),
            ("constraint Odd Key of public.Odd %Rows", "1 row(s) do not meet it"),
        ]
        connection.exec_driver_sql(
            'delete from public."Odd %Rows" where "order" is not null; alter table'
            ' public."Odd %Rows" add foreign key ("order") references public.documents (id);'
            ' alter table public."Odd %Rows" add constraint "Odd Check" check (true) not valid',
            execution_options={"no_parameters": True},
        )
        assert repair.find("constraints").survey(connection, Options()) == []
