"""Mutants: what there is one of, that each can be made, and which test a run says found it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files

import pytest

from fixtures.databases import Database
from tools.mutation.conditions import Change, of_expression, of_function, of_trigger
from tools.mutation.mutants import NOT_ABOUT_ACCESS, Mutant, all_mutants
from tools.mutation.proofs import proofs
from tools.mutation.rounds import NOT_SEARCHED, ROOT, TESTS, rounds_of

SQL = files("mivaa_schema") / "sql"


def changes(found: Iterator[Change]) -> dict[str, str]:
    return {change.what: change.text for change in found}


def test_each_operand_goes_missing_once() -> None:
    assert changes(of_expression("a and (b or c)")) == {
        "without a": "TRUE AND (b OR c)",
        "without b OR c": "a AND TRUE",
        "without b": "a AND (FALSE OR c)",
        "without c": "a AND (b OR FALSE)",
    }


def test_each_choice_goes_missing_once() -> None:
    assert changes(of_expression("coalesce(a, b)")) == {
        "without a": "COALESCE(b)",
        "without b": "COALESCE(a)",
    }
    assert changes(of_expression("a in (1, 2)")) == {
        "without 1": "a IN (2)",
        "without 2": "a IN (1)",
    }


def test_each_case_goes_both_ways() -> None:
    assert changes(of_expression("case when a then 1 else 2 end")) == {
        "always when a": "CASE WHEN TRUE THEN 1 ELSE 2 END",
        "never when a": "CASE WHEN FALSE THEN 1 ELSE 2 END",
    }
    assert changes(of_expression("case a when 1 then b = 1 when 2 then true end")) == {
        "true when 1": "CASE a WHEN 1 THEN TRUE WHEN 2 THEN TRUE END",
        "false when 1": "CASE a WHEN 1 THEN FALSE WHEN 2 THEN TRUE END",
        "false when 2": "CASE a WHEN 1 THEN b = 1 WHEN 2 THEN FALSE END",
    }


def test_a_permission_check_is_left_out_or_weakened() -> None:
    assert changes(of_expression("mivaa.resolve_workspace(a, 'write')")) == {
        "without asking resolve_workspace": "uuid(a)",
        "resolve_workspace(write) asks for read": "mivaa.resolve_workspace(a, 'read')",
    }
    assert changes(of_expression("mivaa.require_permission('read')")) == {
        "without asking require_permission": "mivaa.get_workspace_id()",
    }


def test_a_trigger_fires_for_more_rows() -> None:
    trigger = "create trigger t before update on s for each row when (new.a is null) execute f()"
    found = changes(of_trigger(trigger.replace("f()", "function f()")))
    assert list(found) == ["without new.a IS NULL"]
    assert "WHEN" not in found["without new.a IS NULL"]


BODY = """
declare
  v_one integer;
  v_two constant uuid := mivaa.require_permission('read');
begin
  select t.one
  into v_one
  from t
  where t.two = v_two;
  if v_one is null then
    raise exception 'nothing';
  elsif v_one = 2 then
    return true;
  end if;
  perform mivaa.require_permission('write');
  return v_one = 1;
end
"""


def test_each_check_of_a_function_goes_missing_once() -> None:
    definition = f"create function f() returns boolean language plpgsql as $f${BODY}$f$"
    found = list(of_function(definition, BODY))
    assert [change.what for change in found] == [
        "without asking require_permission",
        "without t.two = v_two",
        "never if v_one is null",
        "never if v_one = 2",
        "always if v_one = 2",
        "without asking require_permission (2)",
        "require_permission(write) asks for read",
    ]
    assert [change.asks for change in found] == [True, *[False] * 4, True, True]
    texts = [change.text for change in found]
    assert "v_two constant uuid := mivaa.get_workspace_id();" in texts[0]
    assert "select into v_one t.one FROM t WHERE TRUE;" in texts[1]
    assert "elsif false then" in texts[3]
    assert "perform mivaa.get_workspace_id();" in texts[5]
    assert all(len(text.split(";")) == len(definition.split(";")) for text in texts)


@pytest.fixture(scope="module")
def mutants(shared_world: Database) -> list[Mutant]:
    with shared_world.superuser() as connection:
        return all_mutants(connection)


def test_every_mutant_has_a_name_of_its_own(mutants: list[Mutant]) -> None:
    assert len({mutant.name for mutant in mutants}) == len(mutants)


def test_there_are_mutants_of_all_that_protects(mutants: list[Mutant]) -> None:
    names = "\n".join(mutant.name for mutant in mutants)
    for file in (SQL / "policies").iterdir():
        table, command = file.name.removesuffix(".sql").split(".")
        assert f"policy {table}_{command} on public.{table}: dropped" in names
    for file in (SQL / "triggers").iterdir():
        table, _ = file.name.removesuffix(".sql").split(".")
        assert f"on public.{table}: dropped" in names
    for file in (SQL / "functions").iterdir():
        assert f"function {file.name.removesuffix('.sql')}(" in names
        function = file.name.split(".")[1]
        checks = file.read_text(encoding="utf-8").count("\n  if ")
        subjects = [mutant for mutant in mutants if mutant.subject == function]
        assert function in NOT_ABOUT_ACCESS or len(subjects) >= checks


def test_every_mutant_can_be_made(world_database: Database, mutants: list[Mutant]) -> None:
    with world_database.superuser() as connection:
        # Loads the library: settings of it are set by definitions of functions.
        connection.exec_driver_sql("select embedding_v2 <=> embedding_v2 from public.documents")
        for mutant in mutants:
            savepoint = connection.begin_nested()
            connection.exec_driver_sql(mutant.sql, execution_options={"no_parameters": True})
            savepoint.rollback()


def test_every_proof_is_of_a_mutant_that_there_is(mutants: list[Mutant]) -> None:
    unknown = proofs().keys() - {mutant.name for mutant in mutants}
    assert not unknown
    assert all(proof.strip() for proof in proofs().values())


def test_what_is_left_out_is_there() -> None:
    functions = {file.name.split(".")[1] for file in (SQL / "functions").iterdir()}
    assert NOT_ABOUT_ACCESS.keys() <= functions
    assert all(list(TESTS.rglob(name)) for name in NOT_SEARCHED)


def test_the_tests_of_a_function_come_first(mutants: list[Mutant]) -> None:
    subject = next(mutant for mutant in mutants if mutant.subject == "is_colleague")
    first, *others = rounds_of(subject)
    assert first[0].name == "test_is_colleague.py"
    every = [file for files in (first, *others) for file in files]
    assert len(every) == len(set(every))
    assert {"test_model.py", "test_sessions.py", "test_tables.py"} <= {file.name for file in every}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command, in a process without threads: it forks."""
    command = [sys.executable, "-m", "tools.mutation", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


OPEN = "table public.documents: without row-level security"
EQUIVALENT = "policy documents_access on public.documents: with check (true)"


def test_a_run_tells_which_test_noticed_and_what_needs_none() -> None:
    laws = "sql/laws/test_tables.py"
    done = run("--only", f"^{OPEN}", "--only", re.escape(EQUIVALENT), "--tests", f"{TESTS}/{laws}")
    assert done.returncode == 0, done.stdout + done.stderr
    law = "test_the_law_holds[18-row-level security is on]"
    assert f"{OPEN}\n    caught by tests/{laws}::{law}\n" in done.stdout
    assert f"{EQUIVALENT}\n    survived, equivalent\n" in done.stdout
    assert "2 mutants: 1 caught, 1 equivalent with proof, 0 to look at" in done.stdout


def test_a_run_fails_where_nobody_noticed() -> None:
    done = run("--only", f"^{OPEN}", "--tests", f"{TESTS}/sql/functions/test_is_colleague.py")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{OPEN}\n    SURVIVED\n" in done.stdout
    assert f"1 mutants: 0 caught, 0 equivalent with proof, 1 to look at\n    {OPEN}" in done.stdout
