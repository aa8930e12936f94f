"""PostgreSQL and a model in plain Python agree about everything that anybody sees and changes."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from fixtures.clusters import MAJORS, SUPERUSER
from fixtures.databases import Database
from isolation.conftest import ModelDatabases
from isolation.oracle import Asker, answer
from isolation.postgres import Session, with_names
from isolation.statements import (
    COLUMNS,
    Call,
    Delete,
    Insert,
    Refused,
    Request,
    Statement,
    Step,
    Update,
)
from isolation.strategies import FUNCTIONS, Story, name_of, resolved, stories

SERVICE = Request("service_role")
STATEMENTS = ("Select", "Insert", "Update", "Delete")


class DisagreementError(AssertionError):
    """PostgreSQL answers otherwise than the model."""


class Tally:
    """How often each kind of statement was compared, by what became of it."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()

    def count(self, statement: Statement, found: object) -> None:
        if isinstance(found, Refused):
            outcome = found.state
        else:
            outcome = "nothing" if found in (0, None, False, frozenset()) else "something"
        kind = statement.function if isinstance(statement, Call) else type(statement).__name__
        self.outcomes[kind.rpartition(".")[2], outcome] += 1

    @property
    def total(self) -> int:
        return self.outcomes.total()

    def __str__(self) -> str:
        lines = (f"{kind}: {what}: {n}" for (kind, what), n in sorted(self.outcomes.items()))
        return "\n".join((f"{self.total} comparisons", *lines))


class Comparison:
    """One world, in PostgreSQL and in the model, and all that is asked of both."""

    def __init__(self, session: Session, story: Story, tally: Tally) -> None:
        self.session = session
        self.world = story.world
        self.requests = story.requests
        self.tally = tally
        session.create(story.world)

    def take(self, step: Step) -> None:
        """Everybody tries the same; then one of them, or service_role, really does it."""
        if step.by is None:
            self.compare(SERVICE, step.statement, keep=True)
            return
        for request in self.requests:
            self.compare(request, step.statement)
        if isinstance(step.statement, Insert | Update | Delete):
            actor = self.requests[step.by % len(self.requests)]
            self.compare(actor, step.statement, keep=True)
            self.compare_rows()

    def compare(self, request: Request, statement: Statement, *, keep: bool = False) -> None:
        asker = Asker(self.world, request, name_of)
        statement = resolved(statement, me=asker.user, here=asker.workspace)
        expected, after = answer(asker, statement)
        found = self.session.ask(request, statement, keep=keep)
        if found != expected:
            raise DisagreementError(
                f"{statement}\n  of {with_names(request)}"
                f"\n  who is {asker.user}, {asker.member_role} of {asker.workspace},"
                f"\n  gives {found}, not {expected}"
            )
        if keep:
            self.world = after
        self.tally.count(statement, found)

    def compare_rows(self) -> None:
        """Nothing was changed but what was meant."""
        found = self.session.rows()
        wrong = [
            f"{table}: {found[table].get(name)}, not {expected.get(name)}"
            for table, expected in self.world.tables.items()
            for name in sorted({*found[table], *expected})
            if found[table].get(name) != expected.get(name)
        ]
        if wrong:
            raise DisagreementError("these rows are there:\n  " + "\n  ".join(wrong))


EXAMPLES = 10
"""Stories of a round. After ten examples Hypothesis begins to vary those that it has, in the hope
that repetition breaks something; here variety says more, so that each round starts anew."""


def compare(made: Database, rounds: int, planted: tuple[str, ...] = (), **how: Any) -> Tally:
    """Tell stories to both; a disagreement is an error that shows the shortest one.

    Args:
        made: A database whose transactions are all rolled back.
        rounds: Number of rounds of ten stories each; the same stories in every run.
        planted: What the superuser does to the database beforehand, in the same transaction.
        how: Further settings of Hypothesis.

    Raises:
        DisagreementError: PostgreSQL answers otherwise than the model.
    """
    tally = Tally()
    with closing(made.engine(SUPERUSER).raw_connection()) as pooled:
        connection: Any = pooled.driver_connection

        def tell(story: Story) -> None:
            try:
                comparison = Comparison(Session(connection, planted), story, tally)
                for step in story.steps:
                    comparison.take(step)
            finally:
                connection.rollback()

        told = settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            report_multiple_bugs=False,
            **how,
        )(given(stories())(tell))
        for number in range(rounds):
            seed(number)(told)()
            vacuum(connection)
    return tally


def vacuum(connection: Any) -> None:
    """Clear away the rows that were rolled back, which every scan would pass over."""
    connection.autocommit = True
    with connection.cursor() as cursor:
        for table in COLUMNS:
            cursor.execute(f"vacuum public.{table}")
    connection.autocommit = False


FUNCTION_NAMES = {function.rpartition(".")[2] for function in FUNCTIONS}

OUTCOMES = {
    *((kind, "42501") for kind in (*STATEMENTS, *FUNCTION_NAMES)),
    *((kind, "something") for kind in (*STATEMENTS, *FUNCTION_NAMES - {"cleanup_orphaned_data"})),
    *((kind, "nothing") for kind in STATEMENTS),
    *((kind, state) for kind in ("Insert", "Update") for state in ("23502", "23503")),
    *(("Insert", "23505"), ("has_permission", "22023"), ("cleanup_orphaned_data", "nothing")),
}
"""What has to happen often enough to say anything: each kind is answered, ignored and refused."""


def assert_worth(tally: Tally, comparisons: int) -> None:
    assert tally.total >= comparisons, tally
    missing = OUTCOMES - tally.outcomes.keys()
    assert not missing, f"{tally}\nnever compared: {sorted(missing)}"


def test_postgresql_and_the_model_agree(model_databases: ModelDatabases) -> None:
    assert_worth(compare(model_databases(18), rounds=10), 3500)


WIDENING = tuple(
    f"create policy everybody on public.{table} as permissive for all to public"
    " using (true) with check (true)"
    for table in COLUMNS
)


def test_permissive_policies_of_somebody_else_change_nothing(
    model_databases: ModelDatabases,
) -> None:
    tally = compare(model_databases(18), 3, WIDENING)
    assert tally.total >= 800, tally


@pytest.mark.slow
@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("planted", [(), WIDENING], ids=["alone", "beside foreign policies"])
def test_they_agree_at_length(
    model_databases: ModelDatabases, major: int, planted: tuple[str, ...]
) -> None:
    assert_worth(compare(model_databases(major), 40, planted), 14_000)


# The comparison notices what it is there for


def rewritten(function: str, old: str, new: str) -> str:
    """Replace a part of the body of a function; an error where the part is not there."""
    return f"""
        do $do$
        declare
          v_was constant text := pg_get_functiondef('{function}'::regprocedure);
          v_is constant text := replace(v_was, $text${old}$text$, $text${new}$text$);
        begin
          if v_was = v_is then
            raise exception 'the body of {function} has no such part';
          end if;
          execute v_is;
        end
        $do$
    """


def loosened(policy: str, table: str, clauses: str) -> str:
    return f"alter policy {policy} on public.{table} {clauses}"


LEAKS = {
    "documents of all workspaces are shown": "drop policy documents_select on public.documents",
    "a reader deletes files": "drop policy pdf_documents_delete on public.pdf_documents",
    "a document is inserted in the name of another": loosened(
        "documents_insert",
        "documents",
        "with check (workspace_id = (select mivaa.workspace_for('write')))",
    ),
    "anybody may ask for documents": "grant select on public.documents to anon",
    "memberships can be written": (
        "grant update, delete on public.workspace_members to authenticated"
    ),
    "a removed member stays": rewritten(
        "mivaa.workspace_for(text)",
        "m.workspace_id = v_choice and m.status = 'active'",
        "m.workspace_id = v_choice",
    ),
    "a claim is believed": rewritten(
        "mivaa.get_workspace_id()",
        "return mivaa.workspace_for(null::text)",
        "return coalesce(mivaa.workspace_for(null::text), mivaa.uuid_or_null("
        "mivaa.json_setting('request.jwt.claims') ->> 'workspace_id'))",
    ),
    "the metadata that users write comes first": rewritten(
        "mivaa.workspace_for(text)", "v_claims -> 'app_metadata'", "v_claims -> 'user_metadata'"
    ),
    "several memberships are one too many": rewritten(
        "mivaa.workspace_for(text)", "v_memberships <> 1", "v_memberships < 1"
    ),
    "an unknown role reads": rewritten(
        "mivaa.workspace_for(text)",
        "when 'member' then permission_name = 'read'",
        "else permission_name = 'read'",
    ),
    "a search has the rights of its owner": (
        "alter function mivaa.resolve_workspace(uuid, text) security definer"
    ),
    "a workspace argument is believed": rewritten(
        "mivaa.resolve_workspace(uuid, text)",
        "  -- Refused;",
        "  if workspace_id_param is not null then return workspace_id_param; end if; -- Refused;",
    ),
}

RARER_LEAKS = {
    "extracts can be written into any workspace": loosened(
        "processed_documents_insert",
        "processed_documents",
        "with check (user_id = (select mivaa.user_id()))",
    ),
    "a reader edits chunks": loosened(
        "document_chunks_update", "document_chunks", "using (true) with check (true)"
    ),
    "memberships of others are shown": loosened(
        "workspace_members_isolation", "workspace_members", "using (true)"
    ),
    "row-level security is off": "alter table public.workspaces disable row level security",
    "rows are given to anybody": "drop trigger zz_mivaa_row_owner on public.pdf_documents",
    "a chunk points into another workspace": (
        "alter table public.document_chunks"
        " drop constraint document_chunks_workspace_id_document_id_fkey"
    ),
    "a malformed header is no choice": rewritten(
        "mivaa.workspace_for(text)",
        "if v_header is not null then",
        "if mivaa.uuid_or_null(v_header) is not null then",
    ),
    "a viewer writes": rewritten(
        "mivaa.workspace_for(text)",
        "when 'viewer' then permission_name = 'read'",
        "when 'viewer' then true",
    ),
    "everybody is a colleague": rewritten(
        "mivaa.is_colleague(uuid)",
        "m.workspace_id = mivaa.workspace_for(null::text)",
        "true",
    ),
}
"""Leaks that only some hundreds or thousands of comparisons meet."""


@pytest.mark.parametrize(
    "planted",
    [
        *(pytest.param(sql, id=leak) for leak, sql in LEAKS.items()),
        *(pytest.param(sql, id=leak, marks=pytest.mark.slow) for leak, sql in RARER_LEAKS.items()),
    ],
)
def test_a_planted_leak_is_found(model_databases: ModelDatabases, planted: str) -> None:
    with pytest.raises(DisagreementError):
        # No time is spent on making the story short.
        compare(model_databases(18), 60, (planted,), phases=[Phase.generate])
