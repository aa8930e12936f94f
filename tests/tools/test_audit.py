"""The audit: which findings and waivers fail it, and what it says of tools that are not there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fixtures.databases import Database
from tools.audit import installed
from tools.audit.__main__ import TOOLS, report, run_tools
from tools.audit.composed import compose
from tools.audit.database import Audited
from tools.audit.findings import Finding, Waiver, compare, waivers
from tools.audit.installed import AbsentError, FailedError
from tools.audit.pgrls import run as run_pgrls

OPEN = Finding("splinter", "no_primary_key", "public.planted", "has no primary key")


def waiver(name: str, tool: str = "splinter", rule: str = "no_primary_key") -> Waiver:
    return Waiver(tool, rule, name, "because")


def test_a_finding_without_a_waiver_is_open() -> None:
    others = [
        waiver("public.other"),
        waiver("public.planted", rule="rls_enabled_no_policy"),
        waiver("public.planted", tool="pgrls lint"),
    ]
    assert compare([OPEN], others, {"splinter", "pgrls lint"}).open == [OPEN]


@pytest.mark.parametrize("name", ["public.planted", "public.*", "*"])
def test_a_finding_with_a_waiver_is_not_open(name: str) -> None:
    comparison = compare([OPEN], [waiver(name)], {"splinter"})
    assert (comparison.open, comparison.stale) == ([], [])


def test_a_waiver_that_no_finding_needs_is_stale() -> None:
    comparison = compare([OPEN], [waiver("public.*"), waiver("public.gone")], {"splinter"})
    assert comparison.stale == [waiver("public.gone")]


def test_a_waiver_of_a_tool_that_did_not_run_is_not_stale() -> None:
    assert compare([], [waiver("public.planted")], {"pgrls lint"}).stale == []


def test_each_waiver_has_a_tool_and_a_reason_and_stands_there_once() -> None:
    entries = waivers()
    assert {entry.tool.split()[0] for entry in entries} <= set(TOOLS)
    assert all(entry.reason.strip().endswith(".") for entry in entries)
    assert len({str(entry) for entry in entries}) == len(entries)


def absent(_: Audited) -> list[Finding]:
    raise AbsentError("no registry can be reached")


def broken(_: Audited) -> list[Finding]:
    raise FailedError("it ended with 2")


def everything_waived_of(tool: str) -> list[Finding]:
    return [
        Finding(entry.tool, entry.rule, entry.object.replace("[[]", "["))
        for entry in waivers()
        if entry.tool == tool
    ]


def test_a_tool_that_is_absent_is_said_and_fails_nothing(
    shared_world: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    tools = {"splinter": lambda _: everything_waived_of("splinter"), "pgrls": absent}
    missing: dict[str, str] = {}
    findings, failed = run_tools(Audited(shared_world.url()), tools, missing)
    report(findings, tools, missing, failed, is_ours=True, verbose=False)
    printed = capsys.readouterr().out
    assert "NOT RUN: pgrls: no registry can be reached" in printed
    assert "0 of them not waived" in printed


def test_a_tool_that_fails_fails_the_audit(
    shared_world: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    tools = {"splinter": lambda _: everything_waived_of("splinter"), "pgrls": broken}
    findings, failed = run_tools(Audited(shared_world.url()), tools, {})
    with pytest.raises(SystemExit) as ended:
        report(findings, tools, {}, failed, is_ours=True, verbose=False)
    assert ended.value.code == 1
    assert "FAILED: pgrls: it ended with 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([*everything_waived_of("splinter"), OPEN], str(OPEN)),
        (everything_waived_of("splinter")[1:], "a waiver that no finding needs: splinter"),
    ],
)
def test_an_open_finding_and_a_stale_waiver_fail_the_audit(
    found: list[Finding], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        report({"splinter": found}, {}, {}, {}, is_ours=True, verbose=False)
    assert said in capsys.readouterr().out


def test_another_database_need_not_have_what_is_waived(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report({"splinter": []}, {}, {}, {}, is_ours=False, verbose=False)
    assert "0 findings" in capsys.readouterr().out


def test_an_installation_without_a_registry_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("this-is-no-package @ file:///nowhere/at/all.whl\n")
    monkeypatch.setattr(installed, "REQUIREMENTS", requirements)
    with pytest.raises(AbsentError, match="pip"):
        installed.environment(tmp_path / "tools")
    # What is there in part is not taken for the whole.
    with pytest.raises(AbsentError):
        installed.environment(tmp_path / "tools")


def test_a_tool_that_prints_something_else_has_failed(tmp_path: Path) -> None:
    program = tmp_path / "pgrls"
    program.write_text(
        "#!/bin/sh\necho 'cannot connect to postgresql://me:secret@there/x' >&2\nexit 2\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(FailedError, match="ended with 2") as raised:
        run_pgrls(Audited("postgresql://nobody@localhost/nothing"), tmp_path)
    assert "secret" not in str(raised.value)


def test_combined_policies_are_the_restrictive_conditions(world_database: Database) -> None:
    audited = Audited(world_database.url("supabase_admin"))
    with audited.engine.begin() as connection:
        # Then only the permissive policy is left for that command.
        connection.exec_driver_sql("drop policy documents_delete on public.documents")
    compose(audited)
    query = (
        "select c.relname || ' ' || p.polcmd::text, p.polpermissive, concat_ws(' / ',"
        " pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))"
        " from pg_policy p join pg_class c on c.oid = p.polrelid"
        " where c.relnamespace = 'public'::regnamespace"
    )
    with audited.engine.begin() as connection:
        found = {
            name: (permissive, text) for name, permissive, text in connection.exec_driver_sql(query)
        }
    audited.engine.dispose()
    assert all(permissive for permissive, _ in found.values())
    of_documents = {name: text for name, (_, text) in found.items() if name.startswith("documents")}
    assert set(of_documents) == {"documents r", "documents a", "documents w", "documents d"}
    assert "workspace_for('read'" in of_documents["documents r"]
    assert "workspace_for('write'" in of_documents["documents a"]
    assert "user_id" in of_documents["documents a"]
    assert of_documents["documents w"].count("workspace_for('manage_documents'") == 2
    assert "workspace_id IS NOT NULL" in of_documents["documents d"]
    # Where no permissive policy lets anybody in, there is nothing to combine.
    assert {name for name in found if name.startswith(("workspaces", "workspace_members"))} == {
        "workspaces r",
        "workspace_members r",
    }
    assert not [name for name in found if name.startswith("migration_tracking")]
