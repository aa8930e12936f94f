"""A later revision's unique and exclusion constraints are looked at before anything is changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from adoption.test_refusals import script_refusal

from fixtures.databases import Database
from fixtures.existing_platform import run
from mivaa_schema import history, preflight
from mivaa_schema.operations import exclusion, unique
from mivaa_schema.preflight import Finding

TABLE = "public.Rates"
PERIOD = "EXCLUDE USING gist (daterange(starts, ends) WITH &&)"
CREATES: list[dict[str, Any]] = [
    {"kind": "table", "name": TABLE},
    *(
        {"kind": "column", "table": TABLE, "name": name, "type": type_}
        for name, type_ in {"id": "uuid", "order": "text", "starts": "date", "ends": "date"}.items()
    ),
    unique("Rates_key", TABLE, ["order", "starts"]),
    exclusion("Rates_period", TABLE, PERIOD),
]
FITS = """
create table public."Rates" (id uuid primary key default gen_random_uuid(), "order" text,
  starts date, ends date);
insert into public."Rates" ("order", starts) values ('a', '2024-01-01'), ('a', null), ('a', null);
"""


@pytest.fixture
def database(
    platform_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Database:
    """A platform with a table that fits, and a history of one revision."""
    (tmp_path / "0001_rates.py").touch()
    (tmp_path / "0001_rates").mkdir()
    manifest = json.dumps({"creates": CREATES, "drops": []})
    (tmp_path / "0001_rates" / "manifest.json").write_text(manifest)
    monkeypatch.setattr(history, "versions_folder", lambda: tmp_path)
    run(platform_database, FITS)
    return platform_database


def errors(database: Database) -> list[Finding]:
    with database.owner() as connection:
        found = [one for one in preflight.report(connection) if one.severity == "error"]
    message = script_refusal(database)
    assert bool(message) == bool(found)
    assert all(str(finding) in message for finding in found)
    return found


def test_rows_that_differ_are_no_error(database: Database) -> None:
    assert errors(database) == []


def test_a_table_that_lacks_a_column_is_not_looked_into(database: Database) -> None:
    run(database, 'alter table public."Rates" drop column starts')
    assert errors(database) == []


def test_rows_with_the_same_values_are_an_error(database: Database) -> None:
    run(database, """insert into public."Rates" ("order", starts) values ('a', '2024-01-01')""")
    (error,) = errors(database)
    assert (error.check, error.object) == ("duplicate_rows", 'public."Rates"')
    assert error.found == 'holding rows with the same ("order", starts) in 1 case(s)'
    with database.owner() as connection:
        rows = connection.exec_driver_sql(error.remedy.partition("Find them: ")[2]).all()
    assert ("a", 2) in {(row[0], row[2]) for row in rows}


@pytest.mark.parametrize(
    "taken",
    [
        'alter table public."Rates" add constraint "Rates_key" check (true)',
        'alter table public."Rates" add constraint "Rates_key" unique (starts, "order")',
        'create index "Rates_key" on public."Rates" ("order", starts)',
        'create index "Rates_key" on public.workspaces_of_rates (id)',
        'alter table public."Rates" add constraint "Rates_period" check (true)',
        'create unique index "Rates_period" on public."Rates" (id)',
    ],
)
def test_a_name_that_is_taken_is_an_error(database: Database, taken: str) -> None:
    run(database, f"create table public.workspaces_of_rates (id uuid); {taken}")
    (error,) = errors(database)
    assert error.check == "constraint_name"
    run(database, error.remedy)
    assert errors(database) == []


def test_the_same_constraints_are_kept(database: Database) -> None:
    run(
        database,
        'delete from public."Rates";'
        'alter table public."Rates" add constraint "Rates_key" unique ("order", starts);'
        f'alter table public."Rates" add constraint "Rates_period" {PERIOD}',
    )
    assert errors(database) == []


def test_what_an_interrupted_run_has_begun_is_no_error(database: Database) -> None:
    run(
        database,
        'create index "Rates_key" on public."Rates" ("order", starts);'
        "create schema mivaa; create table mivaa.alembic_version (version_num text);"
        "create table mivaa.ledger (kind text, object_name text);"
        "insert into mivaa.alembic_version values ('0000');"
        "insert into mivaa.ledger values ('index', 'public.Rates_key')",
    )
    assert errors(database) == []
