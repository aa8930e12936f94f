"""What preflight expects is what the manifests of the revisions say, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from adoption.test_refusals import script_refusal

from fixtures.databases import Database
from fixtures.existing_platform import run
from mivaa_schema import history, preflight
from mivaa_schema.preflight import AdoptionRefused, Finding

# Everything that a script, a bind parameter or a format would take for its own.
ODD = "it's 100% $mivaa$ \\ \" :relation {relation} %s %(x)s"
QUOTED = ODD.replace("'", "''")

TABLE = "public.source%Urls"
MANIFEST: list[dict[str, Any]] = [
    {"kind": "table", "name": TABLE},
    {"kind": "column", "table": TABLE, "name": "id", "type": "uuid", "default": None},
    {"kind": "column", "table": TABLE, "name": "order", "type": "boolean", "default": "true"},
    {"kind": "column", "table": TABLE, "name": "unitPrice", "type": "numeric(10,2)"},
    {"kind": "column", "table": TABLE, "name": "sourceUrl", "type": "character varying(200)"},
    {"kind": "column", "table": TABLE, "name": "a %s :b", "type": "text", "default": ODD},
    {
        "kind": "index",
        "table": TABLE,
        "name": "public.Source URLs",
        "unique": False,
        "definition": f'("sourceUrl", "order") WHERE "sourceUrl" <> \'{QUOTED}\'',
    },
    {
        "kind": "check",
        "table": TABLE,
        "name": "source%Urls_check",
        "condition": f"\"sourceUrl\" in ('{QUOTED}', 'b')",
        "column": "sourceUrl",
        "allowed": [ODD, "b"],
    },
    {
        "kind": "foreign_key",
        "table": TABLE,
        "name": "source%Urls_fkey",
        "columns": ["order"],
        "references": "public.Prices",
        "referenced_columns": ["user"],
        "on_delete": "cascade",
    },
    {"kind": "trigger", "table": TABLE, "name": "Touch"},
    {"kind": "policy", "table": TABLE, "name": "select"},
    {"kind": "table", "name": "public.Prices"},
    {"kind": "column", "table": "public.Prices", "name": "id", "type": "uuid"},
    {"kind": "column", "table": "public.Prices", "name": "user", "type": "boolean"},
    {"kind": "table", "name": "mivaa.queue"},
]

FITS = f"""
create table public."Prices" (id uuid primary key default gen_random_uuid(), "user" boolean unique);
create table public."source%Urls" (
  id uuid primary key default gen_random_uuid(),
  "order" boolean,
  "unitPrice" numeric(10, 2),
  "sourceUrl" varchar(200),
  "a %s :b" text,
  workspace_id uuid,
  constraint "source%Urls_fkey" foreign key ("order") references public."Prices" ("user")
    on delete cascade
);
create index "Source URLs" on public."source%Urls" ("sourceUrl", "order")
  where "sourceUrl" <> '{QUOTED}';
"""


@pytest.fixture
def database(
    platform_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Database:
    """An empty platform, and a history of one revision with odd names and values."""
    (tmp_path / "0001_odd.py").touch()
    (tmp_path / "0001_odd").mkdir()
    (tmp_path / "0001_odd" / "manifest.json").write_text(
        json.dumps({"creates": MANIFEST, "drops": []})
    )
    monkeypatch.setattr(history, "versions_folder", lambda: tmp_path)
    return platform_database


def look(database: Database) -> list[Finding]:
    with database.owner() as connection:
        return preflight.report(connection)


def test_what_fits_names_of_any_kind_is_not_refused(database: Database) -> None:
    run(database, FITS)
    assert look(database) == []
    assert script_refusal(database) == ""


def test_a_table_that_is_not_there_is_only_reported(database: Database) -> None:
    assert {(f.severity, f.check, f.object) for f in look(database)} == {
        ("warning", "missing_table", 'public."Prices"'),
        ("warning", "missing_table", 'public."source%Urls"'),
    }
    assert script_refusal(database) == ""


def test_a_default_is_said_byte_for_byte(database: Database) -> None:
    run(database, FITS)
    run(database, 'alter table public."source%Urls" drop column "a %s :b"')
    (finding,) = look(database)
    assert finding.object == 'public."source%Urls"."a %s :b"'
    assert finding.remedy == f"Nothing to do: the upgrade adds it, with {ODD} in every row."


@pytest.mark.parametrize(
    ("column", "other", "expected"),
    [
        ('"order"', "text using 'a'", "boolean"),
        ('"unitPrice"', "numeric(10, 3)", "numeric(10,2)"),
        ('"unitPrice"', "numeric", "numeric(10,2)"),
        ('"sourceUrl"', "varchar(100)", "character varying(200)"),
        ('"sourceUrl"', "text", "character varying(200)"),
    ],
)
def test_a_type_without_accepts_is_expected_as_it_is_printed(
    database: Database, column: str, other: str, expected: str
) -> None:
    run(
        database,
        FITS
        + 'alter table public."source%Urls" drop constraint "source%Urls_fkey";'
        + f'drop index public."Source URLs"; alter table public."source%Urls" alter {column}'
        + f" type {other}",
    )
    errors = [f for f in look(database) if f.severity == "error"]
    assert [(f.check, f.object, f.expected) for f in errors] == [
        ("column_type", f'public."source%Urls".{column}', expected)
    ]
    assert f'public."source%Urls".{column} is ' in script_refusal(database)
    assert f'alter table public."source%Urls" alter column {column} type' in errors[0].remedy


def test_rows_are_counted_under_any_name(database: Database) -> None:
    run(database, FITS)
    run(
        database,
        'alter table public."source%Urls" drop constraint "source%Urls_fkey";'
        'insert into public."source%Urls" ("order", "sourceUrl") values'
        f" (true, '{QUOTED}'), (null, 'b'), (null, 'c''%')",
    )
    found = {f.check: f for f in look(database)}
    assert found.keys() == {"orphan", "unknown_value"}
    assert found["orphan"].object == 'public."source%Urls"."order"'
    assert found["orphan"].expected == 'a row of public."Prices" for each'
    assert found["unknown_value"].found == "'c''%' in 1 row(s)"
    assert found["unknown_value"].expected == f"one of {ODD}, b"
    with database.owner() as connection:
        sql = found["orphan"].remedy.partition("Find them: ")[2]
        verbatim = {"no_parameters": True}
        assert len(connection.exec_driver_sql(sql, execution_options=verbatim).all()) == 1


def test_each_kind_of_object_is_found_under_any_name(database: Database) -> None:
    run(database, FITS)
    run(
        database,
        'drop index public."Source URLs";'
        'create index "Source URLs" on public."source%Urls" ("order");'
        'create policy "select" on public."source%Urls" using (true);'
        "create function public.nothing() returns trigger language plpgsql as 'begin end';"
        'create trigger "Touch" before update on public."source%Urls"'
        " for each row execute function public.nothing();",
    )
    errors = [f for f in look(database) if f.severity == "error"]
    assert {f.check for f in errors} == {"index_definition", "policy_name", "trigger_name"}
    message = script_refusal(database)
    assert all(str(finding) in message for finding in errors)
    with database.owner() as connection, pytest.raises(AdoptionRefused) as caught:
        preflight.refuse_what_cannot_be_adopted(connection)
    assert str(caught.value).replace("same command", "same script") == message
    run(database, "".join(f.remedy.replace("; or drop it.", ";") for f in errors))
    assert [f for f in look(database) if f.severity == "error"] == []


def test_the_dollar_quote_of_the_script_is_one_that_occurs_nowhere_in_it(
    database: Database,
) -> None:
    script = preflight.offline()
    tag = script.splitlines()[0].removeprefix("do ")
    assert script.count(tag) == 2
    assert "$mivaa$" in script.removeprefix(f"do {tag}").removesuffix(tag)


WATCHED = """
import sys

opened = []
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)

from mivaa_schema import database, preflight

preflight.offline()
with database.create_engine(database.database_url(sys.argv[1])).connect() as connection:
    assert preflight.report(connection)

modules = ("mivaa_schema.models", "mivaa_schema.operations", "alembic_utils", "alembic")
print(*[name for name in modules if name in sys.modules])
print(*[path for path in opened if "/mivaa_schema/sql/" in path or path.endswith("/rollback.sql")])
print(any(path.endswith("manifest.json") for path in opened))
"""


def test_it_opens_no_current_definition_and_imports_no_model(existing_database: Database) -> None:
    url = existing_database.url()
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, url], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["", "", "True"]
