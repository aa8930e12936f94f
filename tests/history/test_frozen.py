"""The frozen files of each revision are what it does, and the last ones the current definitions."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from alembic.script import ScriptDirectory

from fixtures.databases import Database
from fixtures.projects import Project
from mivaa_schema import history
from mivaa_schema.catalog import snapshot
from mivaa_schema.drafting import compare, current, freeze
from mivaa_schema.migrations import alembic_config
from mivaa_schema.operations.entities import SqlFile, sql_files, statements

FOLDERS = history.folders()
CURRENT = list(sql_files(current.ROOT))
FROZEN = [file for folder in FOLDERS.values() for file in sql_files(folder)]
LISTS = ("storage.sql", "grants.sql", "comments.sql")


def name_of(file: SqlFile) -> str:
    return "/".join(file.path.parts[-3:])


def test_current_definitions_are_what_the_revisions_say() -> None:
    found = [" ".join(difference.to_diff_tuple()) for difference in compare.undrafted().values()]
    assert not found, f"draft a revision for: {found}"


def test_an_edited_file_is_seen(project: Project) -> None:
    project.edit("sql/policies/workspaces.delete.sql", "using (false)", "using (false and true)")
    shown = project.run("compare_for_test")
    assert shown.strip() == "change policy workspaces_delete on public.workspaces"


@pytest.fixture
def project(project: Project) -> Project:
    (project.folder / "compare_for_test.py").write_text(
        "from mivaa_schema.drafting.compare import undrafted\n"
        "for difference in undrafted().values():\n"
        "    print(' '.join(difference.to_diff_tuple()))\n"
    )
    return project


@pytest.mark.parametrize("revision", FOLDERS)
def test_each_rollback_is_what_the_downgrade_does(revision: str) -> None:
    written = (FOLDERS[revision] / history.ROLLBACK).read_text(encoding="utf-8")
    assert written == freeze.rollback_sql(revision), (
        f"rollback.sql of {revision} is old: run mivaa-schema freeze"
    )


@pytest.mark.parametrize("revision", FOLDERS)
def test_each_manifest_is_what_the_operations_declare(revision: str) -> None:
    written = (FOLDERS[revision] / history.MANIFEST).read_text(encoding="utf-8")
    assert written == freeze.manifest(revision), (
        f"manifest.json of {revision} is old: run mivaa-schema freeze"
    )


@pytest.mark.usefixtures("embedded")
def test_the_command_freeze_writes_old_files_anew(project: Project) -> None:
    folder = project.newest().with_suffix("")
    right = {}
    for name in (history.ROLLBACK, history.MANIFEST, "catalog.json"):
        right[name] = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text("{}\n", encoding="utf-8")
    shown = project.run("mivaa_schema", "freeze")
    for name, text in right.items():
        assert f"written: {folder / name}" in shown
        assert (folder / name).read_text(encoding="utf-8") == text
    assert "nothing was written" in project.run("mivaa_schema", "freeze")


@pytest.mark.parametrize("file", [*CURRENT, *FROZEN], ids=name_of)
def test_each_file_is_one_statement_that_begins_with_create(file: SqlFile) -> None:
    assert file.text.startswith("create "), "a file begins with 'create', in lower case"
    assert file.text.endswith(";\n"), "a file ends with a semicolon and a line feed"
    assert len(statements(outside_of_bodies(file.text))) == 1, "a file holds one statement"
    assert file.entity


def outside_of_bodies(text: str) -> str:
    """The text without what stands between dollar quotes."""
    return "".join(text.split("$function$")[::2])


def test_a_second_statement_is_seen() -> None:
    text = "create policy a on b using (true);\ncreate policy c on b using (true);\n"
    assert len(statements(outside_of_bodies(text))) == 2


def test_everything_is_described(head_database: Database) -> None:
    with head_database.owner() as connection:
        found = snapshot(connection)
    kinds = ("table", "column", "trigger", "policy", "function")
    silent = [str(i) for i, facts in found.items() if i.kind in kinds and not facts["comment"]]
    assert not silent, f"without a comment: {silent}"
    assert len([item for item in found if item.kind == "policy"]) >= 28


@pytest.mark.parametrize("revision", FOLDERS)
def test_each_revision_is_filled_in(revision: str) -> None:
    module = ScriptDirectory.from_config(alembic_config()).get_revision(revision).module
    assert module.__doc__
    for part in ("Why", "How"):
        assert f"{part}: ..." not in module.__doc__, f"revision {revision} does not say {part}"


@pytest.mark.parametrize("name", LISTS)
def test_each_list_has_no_duplicates(name: str) -> None:
    text = (current.ROOT / name).read_text(encoding="utf-8")
    said = [statement for _, statement in statements(text)]
    assert said, f"sql/{name} says nothing"
    assert len(said) == len(set(said)), f"sql/{name} says something twice"


WATCH = """\
import json, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from alembic.config import main
main(argv=json.loads(sys.argv[1]))
print(json.dumps({"opened": opened, "modules": sorted(sys.modules)}), file=sys.stderr)
"""


def watched(*arguments: str, database: Database | None = None) -> dict[str, list[str]]:
    """What a command of Alembic opens and imports, in a process of its own."""
    import os

    environment = {**os.environ, **({"DATABASE_URL": database.url()} if database else {})}
    done = subprocess.run(
        [sys.executable, "-c", WATCH, json.dumps(arguments)],
        cwd=history.history_folder().parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, list[str]] = json.loads(done.stderr.splitlines()[-1])
    return found


LEFT_ALONE = ("mivaa_schema.models", "mivaa_schema.drafting", "mivaa_schema.drift")


def assert_of_history_alone(found: dict[str, list[str]]) -> None:
    current_files = [path for path in found["opened"] if "mivaa_schema/sql/" in path]
    assert not current_files, f"reads current definitions: {current_files}"
    imported = [name for name in found["modules"] if name.startswith(LEFT_ALONE)]
    assert not imported, f"imports current definitions: {imported}"


@pytest.mark.parametrize(
    "command", [("upgrade", "head", "--sql"), ("downgrade", "head:base", "--sql")], ids=str
)
def test_a_script_reads_history_alone(command: tuple[str, ...]) -> None:
    assert_of_history_alone(watched(*command))


def assert_imports_few_modules(found: dict[str, list[str]]) -> None:
    ours = [name for name in found["modules"] if name.partition(".")[0] == "mivaa_schema"]
    assert len(ours) <= 20, f"an upgrade imports {len(ours)} modules: {ours}"


def test_upgrade_and_downgrade_read_history_alone(platform_database: Database) -> None:
    up = watched("upgrade", "head", database=platform_database)
    assert_of_history_alone(up)
    assert_imports_few_modules(up)
    assert_of_history_alone(watched("downgrade", "base", database=platform_database))


@pytest.mark.usefixtures("embedded")
def test_an_upgrade_of_the_embedded_server_imports_few_modules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    up = watched("upgrade", "head")
    assert "mivaa_schema.server" in up["modules"]
    assert_of_history_alone(up)
    assert_imports_few_modules(up)


def test_one_module_too_many_would_be_seen() -> None:
    with pytest.raises(AssertionError, match="imports 21 modules"):
        assert_imports_few_modules({"modules": [f"mivaa_schema.m{n}" for n in range(21)]})


def test_reading_current_definitions_would_be_seen() -> None:
    found = watched("heads")
    found["opened"].append(str(current.ROOT / "grants.sql"))
    with pytest.raises(AssertionError, match="reads current definitions"):
        assert_of_history_alone(found)
    with pytest.raises(AssertionError, match="imports current definitions"):
        assert_of_history_alone({"opened": [], "modules": ["mivaa_schema.models.base"]})
