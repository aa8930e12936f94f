"""rollback_migration_phase: rolls a phase back as "alembic downgrade" would."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from fixtures.calls import Refusal, owner_refused, refused
from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.people import INACTIVE, ROLES, Person, World
from mivaa_schema.migrations import upgrade_lock

W = World()
MIGRATION = "mivaa_integration"
ROLL_BACK = "select * from public.rollback_migration_phase(:migration, :phase)"

# Each phase and the revision that is left when it has gone.
PHASES = {
    "jwt_functions": "0002",
    "schema_alignment": "0003",
    "rls_policies": "0004",
    "embedding_standardization": "0006",
    "performance_optimization": "0008",
    "data_validation": "0010",
}


def phases(connection: Connection) -> dict[str, tuple[str, bool]]:
    """Status of each phase, and whether it has a time of completion; latest first."""
    asked = sa.text(
        "select phase, status, completed_at is not null from public.migration_tracking"
        " where migration_name = :migration order by started_at desc"
    )
    rows = connection.execute(asked, {"migration": MIGRATION})
    return {phase: (status, completed) for phase, status, completed in rows}


def completed(connection: Connection) -> list[str]:
    return [phase for phase, (status, _) in phases(connection).items() if status == "completed"]


def current(connection: Connection) -> str:
    asked = sa.text("select version_num from mivaa.alembic_version")
    return str(connection.execute(asked).scalar_one())


def roll_back(connection: Connection, phase: str) -> tuple[Any, ...]:
    rows = connection.execute(sa.text(ROLL_BACK), {"migration": MIGRATION, "phase": phase})
    return tuple(rows.one())


def refusal_of(connection: Connection, phase: str, migration: str = MIGRATION) -> Refusal:
    connection.exec_driver_sql("savepoint attempt")
    with pytest.raises(exc.DBAPIError) as caught:
        connection.execute(sa.text(ROLL_BACK), {"migration": migration, "phase": phase})
    connection.exec_driver_sql("rollback to savepoint attempt")
    return Refusal.of(caught.value)


@pytest.mark.parametrize("name", [*ROLES, *INACTIVE, "stranger", "owner_of_b"])
def test_no_user_may_roll_anything_back(shared_world: Database, name: str) -> None:
    call = f"public.rollback_migration_phase('{MIGRATION}', 'data_validation')"
    refusal = refused(shared_world, call, claims=Person(name, W.a).claims)
    assert refusal.state == "42501"
    assert refusal.message == "permission denied for function rollback_migration_phase"


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_no_other_api_role_may_either(shared_world: Database, role: str) -> None:
    call = f"public.rollback_migration_phase('{MIGRATION}', 'data_validation')"
    assert refused(shared_world, call, role=role).state == "42501"


@both_majors
def test_each_phase_rolls_back_to_what_a_downgrade_leaves(
    head_database: Database, downgraded: Database
) -> None:
    at_head = head_database.dump()
    with head_database.owner() as connection:
        status = phases(connection)
    # A phase with revisions that are not applied yet is not completed: reverted first.
    for phase, (state, _) in status.items():
        if state == "running":
            head_database.downgrade(PHASES[phase])
    with head_database.owner() as connection:
        in_turn = completed(connection)
    assert len(in_turn) >= 4
    for phase in in_turn:
        with head_database.owner() as connection:
            operation, done, details = roll_back(connection, phase)
        assert (operation, done) == ("rollback_execution", "COMPLETED")
        assert phase in details
        assert PHASES[phase] in details
        downgraded.downgrade(PHASES[phase])
        assert head_database.dump() == downgraded.dump(), f"{phase} leaves something else"
        with head_database.owner() as one, downgraded.owner() as other:
            assert current(one) == current(other) == PHASES[phase]
            assert phases(one) == phases(other)
            assert phases(one)[phase] == ("rolled_back", False)
    head_database.upgrade()
    assert head_database.dump() == at_head


@pytest.fixture
def downgraded(major: int, clone: Any, head_template: Any) -> Database:
    """A second database at head, on which Alembic does the same."""
    made: Database = clone(major, head_template(major))
    return made


def test_the_rows_of_tables_that_stay_are_unharmed(world_database: Database) -> None:
    with world_database.owner() as connection:
        before = connection.exec_driver_sql("select count(*) from public.documents").scalar_one()
    world_database.downgrade("0006")
    with world_database.owner() as connection:
        roll_back(connection, "rls_policies")
        after = connection.exec_driver_sql("select count(*) from public.documents").scalar_one()
    assert before == after > 0


@pytest.fixture
def at_policies(major: int, clone: Any, templates: Any, platform_template: Any) -> Database:
    """A database at 0006, with three completed phases."""
    platform = platform_template(major)
    at_0006 = templates(major, "policies", lambda made: made.upgrade("0006"), platform)
    made: Database = clone(major, at_0006)
    return made


def test_out_of_order_it_names_the_phases_to_roll_back_first(at_policies: Database) -> None:
    before = at_policies.dump()
    with at_policies.owner() as connection:
        refusal = refusal_of(connection, "jwt_functions")
    assert refusal.state == "55000"
    assert refusal.message == (
        "phase 'jwt_functions' cannot go before: rls_policies, schema_alignment"
    )
    assert str(refusal.hint).startswith("Roll those back first, in the order given")
    assert at_policies.dump() == before


def test_a_phase_that_runs_stands_before_the_earlier_ones_too(at_policies: Database) -> None:
    at_policies.upgrade("0007")
    with at_policies.owner() as connection:
        refusal = refusal_of(connection, "rls_policies")
        assert refusal.message == (
            "phase 'rls_policies' cannot go before: embedding_standardization"
        )
        running = refusal_of(connection, "embedding_standardization")
    assert running.state == "55000"
    assert running.message == "phase 'embedding_standardization' is running, expected completed"
    assert '"alembic downgrade" takes it back' in str(running.hint)


def test_a_phase_rolls_back_once(at_policies: Database) -> None:
    with at_policies.owner() as connection:
        roll_back(connection, "rls_policies")
        refusal = refusal_of(connection, "rls_policies")
    assert refusal.message == "phase 'rls_policies' is rolled_back, expected completed"


def test_what_is_not_recorded_is_refused_with_what_is(at_policies: Database) -> None:
    with at_policies.owner() as connection:
        for phase, migration in (("jwt", MIGRATION), ("jwt_functions", "another")):
            refusal = refusal_of(connection, phase, migration)
            assert refusal.state == "22023"
            assert refusal.message == f"no phase '{phase}' is recorded for migration '{migration}'"
            assert "mivaa_integration/jwt_functions" in str(refusal.hint)
    refusal = owner_refused(
        at_policies, "select * from public.rollback_migration_phase(null, null)"
    )
    assert refusal.message == "no phase null is recorded for migration null"


def test_while_an_upgrade_runs_it_refuses(at_policies: Database) -> None:
    with (
        at_policies.engine().connect() as upgrading,
        upgrade_lock(upgrading, 1),
        at_policies.owner() as connection,
    ):
        refusal = refusal_of(connection, "rls_policies")
    assert refusal.state == "55P03"
    assert refusal.message == "an upgrade or a downgrade is running"
    with at_policies.owner() as connection:
        assert roll_back(connection, "rls_policies")[1] == "COMPLETED"


def test_an_upgrade_waits_while_a_rollback_runs(at_policies: Database) -> None:
    with at_policies.owner() as connection:
        roll_back(connection, "rls_policies")
        key = "select pg_try_advisory_lock(6841377215308129)"
        with at_policies.owner() as another:
            assert another.exec_driver_sql(key).scalar_one() is False


def test_sql_that_does_not_revert_the_revision_changes_nothing(at_policies: Database) -> None:
    before = at_policies.dump()
    with at_policies.owner() as connection:
        connection.exec_driver_sql(
            "select public.mark_migration_complete('mivaa_integration', 'rls_policies',"
            " 'drop function public.mark_migration_complete(text, text, text)')"
        )
        refusal = refusal_of(connection, "rls_policies")
    assert refusal.message == "the rollback SQL of phase 'rls_policies' does not fit revision 0006"
    assert str(refusal.hint).startswith("Nothing was changed.")
    assert at_policies.dump() == before


def test_a_phase_without_rollback_sql_is_left_to_alembic(at_policies: Database) -> None:
    with at_policies.owner() as connection:
        connection.exec_driver_sql("select public.mark_migration_complete('mine', 'only')")
        refusal = refusal_of(connection, "only", "mine")
    assert refusal.message == "phase 'only' has no rollback SQL"
    assert refusal.hint == 'Revert it with "alembic downgrade".'


def test_a_table_that_somebody_holds_is_not_waited_for_long(at_policies: Database) -> None:
    before = at_policies.dump()
    with at_policies.engine().connect() as reader, reader.begin():
        reader.exec_driver_sql("select count(*) from public.documents")
        with at_policies.owner() as connection:
            refusal = refusal_of(connection, "rls_policies")
    assert refusal.state == "55P03"
    assert at_policies.dump() == before
