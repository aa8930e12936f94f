"""Every function of ours, called by everybody with ids that are not theirs.

The functions come from the catalog: a new one is attacked as soon as it exists, and an argument
that this module does not know fails a test until it does.
"""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Connection

from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.foreign_calls import Function, functions, pointing_elsewhere, value
from fixtures.intruder import (
    ATTACKERS,
    ELSEWHERE,
    OWNER_ELSEWHERE,
    SERVICE,
    VIEWER,
    Attacker,
    answer,
    become,
    differences,
    run,
    superuser,
    was_refused,
)
from fixtures.people import named

UNKNOWN = named("a workspace that exists nowhere")

FOR_SERVICE = {
    "get_embedding_migration_progress()": "how far the move is in all workspaces is its answer",
    "mivaa.integrity(uuid)": "null is the whole database; the API's function in front refuses it",
}
"""What tells service_role about all workspaces though it names none, and why."""

TABLES = Attacker("owner of the tables", "postgres", OWNER_ELSEWHERE.claims)


def without_id(told: object) -> str:
    """An answer, without the id that was asked for and may come back."""
    return repr(told).replace(str(ELSEWHERE), "...").replace(str(UNKNOWN), "...")


def all_functions(made: Database) -> list[Function]:
    with superuser(made) as connection:
        return functions(connection)


def test_every_argument_of_every_function_is_attacked(attacked: Database) -> None:
    unknown = [
        f"{function.signature}: {name} {kind}"
        for function in all_functions(attacked)
        if not function.is_trigger
        for name, kind in zip(function.names, function.types, strict=True)
        if pointing_elsewhere(name, kind.removeprefix("extensions."), ELSEWHERE) is None
    ]
    assert not unknown, f"say in this module what an attacker would pass for {unknown}"


@both_majors
@pytest.mark.parametrize("who", ATTACKERS, ids=str)
def test_no_function_tells_that_a_workspace_exists(attacked: Database, who: Attacker) -> None:
    attempts = [sql for function in all_functions(attacked) for sql in function.attempts()]
    learned = differences(attacked, who, attempts)
    assert not learned, f"{who} learns from:\n" + "\n".join(learned)


def told_apart(made: Database, who: Attacker) -> list[str]:
    """Calls that are answered otherwise for an id that exists nowhere."""
    told = []
    with superuser(made) as connection:
        become(connection, who)
        for function in functions(connection):
            calls = zip(function.attempts(ELSEWHERE), function.attempts(UNKNOWN), strict=True)
            for real, invented in calls:
                seen, unseen = answer(connection, real), answer(connection, invented)
                if without_id(seen) != without_id(unseen):
                    told.append(f"{real}: {seen}, but {unseen} for an id that exists nowhere")
    return told


@both_majors
@pytest.mark.parametrize("who", ATTACKERS, ids=str)
def test_no_function_tells_an_id_that_exists_from_one_that_does_not(
    attacked: Database, who: Attacker
) -> None:
    told = told_apart(attacked, who)
    assert not told, f"{who} learns from:\n" + "\n".join(told)


@both_majors
def test_service_role_learns_nothing_where_it_names_no_workspace(attacked: Database) -> None:
    attempts = [
        function.with_([f"null::{kind}" for kind in function.types])
        if any("workspace" in name for name in function.names)
        else function.with_(
            [value(n, t, ELSEWHERE) for n, t in zip(function.names, function.types, strict=True)]
        )
        for function in all_functions(attacked)
        if not function.is_trigger and function.signature not in FOR_SERVICE
    ]
    learned = differences(attacked, SERVICE, attempts)
    assert not learned, "service_role learns from:\n" + "\n".join(learned)


@both_majors
def test_functions_of_the_api_refuse_service_role_without_a_workspace(attacked: Database) -> None:
    with superuser(attacked) as connection:
        become(connection, SERVICE)
        asked = {
            function.signature: answer(
                connection,
                function.with_(
                    [
                        f"null::{kind}" if "workspace" in name else value(name, kind, ELSEWHERE)
                        for name, kind in zip(function.names, function.types, strict=True)
                    ]
                ),
            )
            for function in functions(connection)
            if function.call.startswith("public.")
            and any("workspace" in name for name in function.names)
        }
    assert len(asked) >= 6
    assert {told[1] for told in asked.values()} == {"22004"}, asked


@both_majors
def test_anon_executes_no_function(attacked: Database) -> None:
    with superuser(attacked) as connection:
        become(connection, ATTACKERS[0])
        executed = [
            sql
            for function in functions(connection)
            for sql in function.attempts()
            if answer(connection, sql)[1] not in ("42501", "0A000")
        ]
    assert executed == []


@both_majors
def test_every_function_answers_whom_it_is_for(attacked: Database) -> None:
    """Without this, a function that always fails would pass every test above."""
    with superuser(attacked) as connection:
        unanswered = {f.signature: f for f in functions(connection) if not f.is_trigger}
        for who in (OWNER_ELSEWHERE, SERVICE, TABLES):
            become(connection, who)
            for signature, function in list(unanswered.items()):
                if not was_refused(answer(connection, next(function.attempts()))):
                    del unanswered[signature]
    # It takes a phase that is recorded; its own tests execute it.
    assert set(unanswered) <= {"rollback_migration_phase(text,text)"}


@both_majors
def test_service_role_learns_it_from_the_same_calls(attacked: Database) -> None:
    attempts = [next(f.attempts()) for f in all_functions(attacked)]
    learned = differences(attacked, OWNER_ELSEWHERE, attempts)
    for name in (
        "public.search_documents_hybrid",
        "public.search_document_chunks_hybrid",
        "public.validate_workspace_data_integrity",
        "public.analyze_workspace_query_performance",
        "public.get_embedding_migration_progress",
        "public.cleanup_orphaned_data",
        "public.optimize_workspace_data",
        "mivaa.get_workspace_id",
    ):
        assert any(name + "(" in told for told in learned), name


@both_majors
def test_what_the_server_counts_meanwhile_changes_no_answer(attacked: Database) -> None:
    """Without this, a difference would be found where there is none: these are the platform's."""
    call = f"select * from public.optimize_workspace_data('{ELSEWHERE}')"
    with superuser(attacked) as connection:
        become(connection, OWNER_ELSEWHERE)
        before = answer(connection, call)
        with superuser(attacked) as other:
            for _ in range(8):
                run(other, "update public.documents set metadata = '{}'")
            # Where it counts, others see so at the end of the transaction, not a second later.
            run(other, "select pg_stat_force_next_flush()")
        assert answer(connection, call) == before
    # Statistics of this minute: the call has renewed none.
    assert str(before).count("SKIPPED") == 4
    assert "keeps no counts" not in str(before)


LEAKS = {
    "a count": "language sql security definer as"
    " 'select count(*)::int from public.documents where workspace_id = workspace_id_param'",
    "an error": "language plpgsql security definer as $$begin perform 1 / (select count(*)"
    " from public.workspaces w where w.id = workspace_id_param); return 1; end$$",
}


@pytest.mark.parametrize("body", LEAKS.values(), ids=list(LEAKS))
def test_the_comparison_finds_a_function_that_leaks(attacked: Database, body: str) -> None:
    with attacked.superuser() as connection:
        run(
            connection, f"create function mivaa.leaking(workspace_id_param uuid) returns int {body}"
        )
    try:
        attempts = [
            sql
            for f in all_functions(attacked)
            if f.call == "mivaa.leaking"
            for sql in f.attempts()
        ]
        assert attempts
        assert differences(attacked, VIEWER, attempts)
    finally:
        with attacked.superuser() as connection:
            run(connection, "drop function mivaa.leaking(uuid)")


def estimates(connection: Connection, call: str) -> object:
    """What the planner expects of a statement, or how that is refused."""
    return answer(connection, f"explain (format json) {call}")


@both_majors
def test_no_estimate_of_a_function_depends_on_the_workspace(attacked: Database) -> None:
    told = []
    planned = 0
    with superuser(attacked) as connection:
        become(connection, VIEWER)
        for function in functions(connection):
            calls = zip(function.attempts(ELSEWHERE), function.attempts(UNKNOWN), strict=True)
            for real, invented in calls:
                known, unknown = estimates(connection, real), estimates(connection, invented)
                planned += not was_refused(known)  # type: ignore[arg-type]
                if without_id(known) != without_id(unknown):
                    told.append(real)
    assert planned > 20
    assert not told, "their plans differ:\n" + "\n".join(told)


def test_the_estimate_of_a_function_that_is_inlined_would_depend_on_it(attacked: Database) -> None:
    with superuser(attacked) as connection:
        run(
            connection,
            "create function public.inlined(workspace_id_param uuid) returns setof public.documents"
            " language sql stable as 'select * from public.documents"
            " where workspace_id = workspace_id_param'",
        )
        become(connection, VIEWER)
        real, invented = (
            estimates(connection, f"select * from public.inlined('{id_}')")
            for id_ in (ELSEWHERE, UNKNOWN)
        )
    assert without_id(real) != without_id(invented)
