"""mark_migration_complete: the owner records a phase, and the SQL that reverts it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fixtures.calls import Worlds, owner_refused, refused
from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.people import INACTIVE, ROLES, Person, World

W = World()
MARK = "public.mark_migration_complete('mine', 'first', 'select 1')"
PEOPLE = (*ROLES, *INACTIVE, "stranger", "owner_of_b")


def record(connection: Connection) -> dict[str, Any]:
    asked = sa.text(
        "select status, rollback_sql, created_by, error_message, started_at, completed_at"
        " from public.migration_tracking where migration_name = 'mine' and phase = 'first'"
    )
    return dict(connection.execute(asked).one()._mapping)


@pytest.mark.parametrize("name", PEOPLE)
def test_no_user_may_mark_anything(shared_world: Database, name: str) -> None:
    refusal = refused(shared_world, MARK, claims=Person(name, W.a).claims)
    assert refusal.state == "42501"
    assert refusal.message == "permission denied for function mark_migration_complete"


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_no_other_api_role_may_either(shared_world: Database, role: str) -> None:
    assert refused(shared_world, MARK, role=role).state == "42501"


def test_the_owner_marks_a_phase(owner: Connection) -> None:
    owner.exec_driver_sql(f"select {MARK}")
    found = record(owner)
    assert found["status"] == "completed"
    assert found["rollback_sql"] == "select 1"
    assert found["created_by"] is None
    assert found["completed_at"] >= found["started_at"]


def test_the_user_whom_the_owner_acts_for_is_recorded(owner: Connection) -> None:
    claims = sa.text("select set_config('request.jwt.claims', :claims, true)")
    owner.execute(claims, {"claims": f'{{"sub": "{Person("admin").id}"}}'})
    owner.exec_driver_sql(f"select {MARK}")
    assert record(owner)["created_by"] == Person("admin").id


def test_marking_again_keeps_one_record_and_the_rollback(owner: Connection) -> None:
    owner.exec_driver_sql(f"select {MARK}")
    owner.exec_driver_sql(
        "update public.migration_tracking set status = 'failed', error_message = 'x'"
        " where migration_name = 'mine'"
    )
    owner.exec_driver_sql("select public.mark_migration_complete('mine', 'first')")
    found = record(owner)
    assert (found["status"], found["error_message"]) == ("completed", None)
    assert found["rollback_sql"] == "select 1"


def test_the_arguments_have_the_names_that_the_guide_uses(owner: Connection) -> None:
    owner.exec_driver_sql(
        "select public.mark_migration_complete(migration_name_param => 'mine',"
        " phase_param => 'first', rollback_sql_param => 'select 2')"
    )
    assert record(owner)["rollback_sql"] == "select 2"


@both_majors
@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("null, 'first'", "migration null and phase 'first'"),
        ("'mine', null", "migration 'mine' and phase null"),
        ("'', ' '", "migration '' and phase ' '"),
    ],
)
def test_both_names_are_needed(worlds: Worlds, major: int, arguments: str, found: str) -> None:
    refusal = owner_refused(worlds(major), f"select public.mark_migration_complete({arguments})")
    assert refusal.state == "22023"
    assert refusal.message == f"a migration and a phase are needed, found {found}"
    assert refusal.hint == "Call mark_migration_complete(migration_name, phase [, rollback_sql])."
