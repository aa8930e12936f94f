"""The command ``repair`` lists, looks and repairs, in words and as JSON; for the owner alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fixtures.clusters import SUPERUSER
from fixtures.databases import OWNER, Database
from fixtures.existing_platform import run, scalar
from mivaa_schema import preflight, repair
from mivaa_schema.cli import main

MISPLACED = (
    "select count(*) from public.document_chunks c join public.documents d"
    " on d.id = c.document_id where c.workspace_id <> d.workspace_id"
)


def call(database: Database, *arguments: str, user: str = OWNER) -> Result:
    return CliRunner().invoke(main, ["repair", *arguments, "--url", database.url(user)])


def test_without_a_name_it_lists_what_there_is_to_repair(shared_adopted: Database) -> None:
    done = call(shared_adopted)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert (
        "chunk-workspace: 25 to repair (moves chunks to the workspace of their document)" in lines
    )
    assert any(line.startswith("orphaned-chunks: 2 to repair, 1 that wait") for line in lines)
    assert lines[-1].startswith("nothing was changed")
    assert scalar(shared_adopted, MISPLACED) == 25


def test_where_nothing_is_wrong_it_says_so(shared_world: Database) -> None:
    lines = call(shared_world).stdout.splitlines()[:-1]
    assert lines
    assert all(line.endswith(": nothing to repair") for line in lines)


def test_the_list_as_json(shared_adopted: Database) -> None:
    found = json.loads(call(shared_adopted, "--json").stdout)
    assert found["chunk-workspace"] == [
        {"object": "public.document_chunks", "count": 25, "reason": None}
    ]


def test_with_a_name_it_looks_first(shared_adopted: Database) -> None:
    done = call(shared_adopted, "chunk-workspace")
    assert done.stdout.splitlines() == [
        "chunk-workspace moves chunks to the workspace of their document",
        "  public.document_chunks: 25 to repair",
        "nothing was changed; --apply would repair 25",
    ]
    found = json.loads(call(shared_adopted, "chunk-workspace", "--json").stdout)
    assert found["applied"] is False
    assert scalar(shared_adopted, MISPLACED) == 25


def test_with_apply_it_repairs_and_counts_before_and_after(adopted_database: Database) -> None:
    done = call(adopted_database, "chunk-workspace", "--apply", "--batch", "100")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "before: 25 to repair",
        "  public.document_chunks: 25 to repair",
        "after: nothing to repair",
    ]
    assert scalar(adopted_database, MISPLACED) == 0
    again = json.loads(call(adopted_database, "chunk-workspace", "--apply", "--json").stdout)
    assert again == {"applied": True, "before": [], "after": []}


def test_values_are_mapped_on_the_command_line(adopted_database: Database) -> None:
    done = call(
        adopted_database,
        *("unknown-statuses", "--apply", "--map", "weird=archived", "--map", "=draft"),
    )
    assert done.exit_code == 0, done.output
    assert "after: 0 to repair, 1 that wait for something else" in done.stdout


def test_what_cannot_be_repaired_is_one_message_and_code_1(shared_adopted: Database) -> None:
    done = call(shared_adopted, "unknown-roles", "--apply")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "'superhero' is unknown: --map superhero=..." in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--apply"],
        ["unknown-roles", "--map", "superhero"],
        ["chunk-workspace", "--workspace", "north"],
        ["chunk-workspace", "--batch", "0"],
    ],
)
def test_wrong_usage_is_code_2(shared_adopted: Database, words: list[str]) -> None:
    assert call(shared_adopted, *words).exit_code == 2


@pytest.mark.parametrize("arguments", [[], ["chunk-workspace"], ["chunk-workspace", "--apply"]])
def test_a_role_that_does_not_own_the_tables_is_refused(
    shared_adopted: Database, arguments: list[str]
) -> None:
    done = call(shared_adopted, *arguments, user="authenticator")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "`authenticator` does not own public.document_chunks" in done.stderr
    assert f"Connect as `{OWNER}`" in done.stderr


def test_a_superuser_has_the_rights_of_the_owner(shared_adopted: Database) -> None:
    assert call(shared_adopted, "chunk-workspace", user=SUPERUSER).exit_code == 0


def test_rows_that_are_hidden_from_their_owner_are_not_invalid(
    adopted_database: Database,
) -> None:
    run(adopted_database, "alter table public.documents force row level security")
    done = call(adopted_database, "orphaned-chunks", "--apply")
    assert done.exit_code == 1
    assert "alter table public.documents no force row level security" in done.stderr


def test_a_transaction_pooler_is_refused_before_anything_is_repaired(
    adopted_database: Database,
) -> None:
    url = adopted_database.url()
    pooled = f"{url}{'&' if '?' in url else '?'}pgbouncer=true"
    done = CliRunner().invoke(main, ["repair", "chunk-workspace", "--apply", "--url", pooled])
    assert done.exit_code == 1
    assert "leads through a transaction pooler" in done.stderr
    assert scalar(adopted_database, MISPLACED) == 25


def test_a_database_before_the_upgrade_is_sent_there_first(existing_database: Database) -> None:
    done = call(existing_database)
    assert done.exit_code == 1
    assert "The database is at no revision" in done.stderr
    assert "`alembic upgrade head` first" in done.stderr


def test_the_guide_has_every_repair() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")
    for one in repair.REPAIRS:
        assert f"| `{one.name}` | " in guide, f"the guide does not say what {one.name} does"


def test_what_preflight_reports_names_a_repair_that_is_there(bad_database: Database) -> None:
    with bad_database.owner() as connection:
        remedies = [f.remedy for f in preflight.report(connection) if f.severity == "warning"]
    named = {name for text in remedies for name in re.findall(r"mivaa-schema repair (\S+)", text)}
    assert named == {
        *("unknown-workspaces", "missing-workspace", "chunk-workspace", "orphaned-chunks"),
        *("dangling-extractions", "unknown-users", "unknown-members"),
        *("unknown-statuses", "unknown-roles", "unknown-member-statuses", "zero-vectors"),
    }
    for name in named:
        assert repair.find(name)
