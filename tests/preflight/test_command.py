"""The command ``preflight`` prints errors and warnings, for people and for machines."""

from __future__ import annotations

import json

from adoption.test_refusals import FAULTS, plant
from click.testing import CliRunner, Result

from fixtures.clusters import SUPERUSER
from fixtures.databases import OWNER, Database
from fixtures.existing_platform import run
from mivaa_schema.cli import main


def preflight(database: Database, *arguments: str, user: str = OWNER) -> Result:
    return CliRunner().invoke(main, ["preflight", "--url", database.url(user), *arguments])


def test_it_prints_warnings_and_ends_with_code_0_without_an_error(
    existing_database: Database,
) -> None:
    before = existing_database.dump()
    done = preflight(existing_database)
    assert done.exit_code == 0, done.output
    assert "warning  public.pdf_documents is missing\n" in done.stdout
    warnings = done.stdout.count("\nwarning  ") + done.stdout.startswith("warning  ")
    assert done.stdout.splitlines()[-1] == f"0 errors, {warnings} warnings"
    assert existing_database.dump() == before


def test_it_ends_with_code_1_if_the_upgrade_would_be_refused(existing_database: Database) -> None:
    plant(existing_database, FAULTS["a policy"])
    done = preflight(existing_database)
    assert done.exit_code == 1
    assert done.stdout.startswith("error    policy documents_select on public.documents is there")
    assert done.stdout.splitlines()[-1].startswith("1 error, ")


def test_it_prints_json(existing_database: Database) -> None:
    plant(existing_database, FAULTS["a policy"])
    done = preflight(existing_database, "--json")
    assert done.exit_code == 1
    first = json.loads(done.stdout)[0]
    assert first == {
        "severity": "error",
        "check": "policy_name",
        "object": "policy documents_select on public.documents",
        "found": "there already",
        "expected": "no policy of that name",
        "remedy": "alter policy documents_select on public.documents"
        " rename to documents_select_platform;",
    }


def test_it_looks_with_the_lock_in_mind(existing_database: Database) -> None:
    done = preflight(existing_database, "--lock-members")
    assert "Nothing to do: the upgrade closes it." in done.stdout


def test_it_works_on_a_database_that_cannot_be_written(existing_database: Database) -> None:
    name = existing_database.name
    run(
        existing_database,
        f"alter role {OWNER} in database {name} set default_transaction_read_only = on",
        superuser=True,
    )
    done = preflight(existing_database)
    assert done.exit_code == 0, done.output
    assert preflight(existing_database, user=SUPERUSER).exit_code == 0


def test_it_says_in_one_message_why_it_cannot_look(platform_database: Database) -> None:
    run(platform_database, "drop schema auth cascade", superuser=True)
    done = preflight(platform_database)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: The database lacks what Supabase brings")
