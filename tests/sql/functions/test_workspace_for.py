"""mivaa.workspace_for: in which workspace a request acts, and which choice decides."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from fixtures.calls import Worlds, call, claims_of
from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.people import INACTIVE, ROLES, Person, World, acting, as_user, named

W = World()
A, B = str(W.a), str(W.b)
BOTH = Person("both")
NO_MEMBER = str(named("a workspace that nobody has"))
MEMBERSHIP = "row(mivaa.get_workspace_id(), mivaa.get_user_role())::text"

NONE = "(,)"
EDITOR_OF_A = f"({A},editor)"
VIEWER_OF_B = f"({B},viewer)"


def membership(made: Database, person: Person, headers: Any = None, **claims: Any) -> str:
    return str(call(made, MEMBERSHIP, claims=claims_of(person, **claims), headers=headers))


@both_majors
@pytest.mark.parametrize("role", ROLES)
def test_the_only_membership_needs_no_choice(worlds: Worlds, major: int, role: str) -> None:
    assert membership(worlds(major), Person(role)) == f"({A},{role})"


@both_majors
def test_several_memberships_without_a_choice_are_none(worlds: Worlds, major: int) -> None:
    assert membership(worlds(major), BOTH) == NONE


@both_majors
def test_a_choice_picks_one_of_several_memberships(worlds: Worlds, major: int) -> None:
    assert membership(worlds(major), BOTH, workspace_id=A) == EDITOR_OF_A
    assert membership(worlds(major), BOTH, workspace_id=B) == VIEWER_OF_B


@both_majors
@pytest.mark.parametrize("status", INACTIVE)
def test_a_membership_that_is_not_active_is_none(worlds: Worlds, major: int, status: str) -> None:
    assert membership(worlds(major), Person(status)) == NONE
    assert membership(worlds(major), Person(status), workspace_id=A) == NONE


@pytest.mark.parametrize("name", ["stranger", "owner_of_b"])
def test_claiming_another_workspace_gives_none_and_not_the_own(worlds: Worlds, name: str) -> None:
    assert membership(worlds(), Person(name), workspace_id=A) == NONE
    assert membership(worlds(), Person(name), workspace_id=NO_MEMBER) == NONE
    assert membership(worlds(), Person(name), headers={"x-workspace-id": A}) == NONE


@both_majors
@pytest.mark.parametrize(
    ("headers", "claims", "expected"),
    [
        ({"x-workspace-id": B}, {"workspace_id": A}, VIEWER_OF_B),
        ({"x-workspace-id": A}, {"workspace_id": B}, EDITOR_OF_A),
        ({"x-workspace-id": NO_MEMBER}, {"workspace_id": A}, NONE),
        ({"x-workspace-id": "no uuid"}, {"workspace_id": A}, NONE),
        ({"x-workspace-id": ""}, {"workspace_id": A}, NONE),
        ({"accept": "*/*"}, {"workspace_id": A}, EDITOR_OF_A),
        ("", {"workspace_id": A}, EDITOR_OF_A),
        ("{malformed", {"workspace_id": A}, EDITOR_OF_A),
        ("[]", {"workspace_id": A}, EDITOR_OF_A),
        ({"x-workspace-id": B}, {}, VIEWER_OF_B),
    ],
    ids=repr,
)
def test_the_header_decides_before_the_token(
    worlds: Worlds, major: int, headers: Any, claims: dict[str, Any], expected: str
) -> None:
    assert membership(worlds(major), BOTH, headers, **claims) == expected


@both_majors
@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"workspace_id": A, "app_metadata": {"workspace_id": B}}, EDITOR_OF_A),
        ({"app_metadata": {"workspace_id": B}}, VIEWER_OF_B),
        (
            {"app_metadata": {"workspace_id": B}, "user_metadata": {"workspace_id": A}},
            VIEWER_OF_B,
        ),
        ({"user_metadata": {"workspace_id": A}}, EDITOR_OF_A),
        ({"workspace_id": "", "app_metadata": {"workspace_id": B}}, VIEWER_OF_B),
        ({"workspace_id": "no uuid", "app_metadata": {"workspace_id": B}}, VIEWER_OF_B),
        ({"workspace_id": 7, "app_metadata": {"workspace_id": B}}, VIEWER_OF_B),
        ({"workspace_id": W.a.hex, "app_metadata": {"workspace_id": B}}, VIEWER_OF_B),
        ({"workspace_id": "x" * 36, "app_metadata": {"workspace_id": B}}, VIEWER_OF_B),
        (
            {"app_metadata": {"workspace_id": ""}, "user_metadata": {"workspace_id": A}},
            EDITOR_OF_A,
        ),
        ({"app_metadata": "text", "user_metadata": {"workspace_id": A}}, EDITOR_OF_A),
        ({"app_metadata": [B], "user_metadata": {"workspace_id": A}}, EDITOR_OF_A),
        ({"app_metadata": {"workspace_id": {"id": B}}, "user_metadata": 1}, NONE),
        ({"workspace_id": NO_MEMBER, "app_metadata": {"workspace_id": B}}, NONE),
        ({"workspace_id": [A]}, NONE),
    ],
    ids=repr,
)
def test_the_claims_decide_in_their_order_and_the_first_one_present_is_final(
    worlds: Worlds, major: int, claims: dict[str, Any], expected: str
) -> None:
    assert membership(worlds(major), BOTH, **claims) == expected


@both_majors
@pytest.mark.parametrize(
    "claims",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        '"x"',
        {"sub": "no uuid", "workspace_id": A},
        {"sub": None},
        {"sub": BOTH.id.hex, "workspace_id": A},
        {"sub": "x" * 36, "workspace_id": A},
    ],
    ids=repr,
)
def test_without_a_user_there_is_no_membership_and_no_error(
    worlds: Worlds, major: int, claims: Any
) -> None:
    headers = {"x-workspace-id": A}
    assert call(worlds(major), MEMBERSHIP, claims=claims, headers=headers) == NONE


def test_a_role_in_the_token_counts_for_nothing(worlds: Worlds) -> None:
    claimed = {"user_role": "owner", "app_metadata": {"role": "owner", "workspace_role": "owner"}}
    assert membership(worlds(), Person("viewer"), **claimed) == f"({A},viewer)"


def test_a_membership_that_is_revoked_ends_at_the_next_statement(
    world_database: Database, world: World
) -> None:
    count = "select count(*) from public.documents"
    with as_user(world_database, world.person("viewer")) as connection:
        assert connection.exec_driver_sql(count).scalar_one() > 0
        with world_database.owner() as owner:
            revoke = sa.text(
                "update public.workspace_members set status = 'suspended' where user_id = :id"
            )
            owner.execute(revoke, {"id": named("viewer")})
        assert connection.exec_driver_sql(count).scalar_one() == 0
        assert connection.exec_driver_sql(f"select {MEMBERSHIP}").scalar_one() == NONE


def test_a_second_membership_ends_the_default(world_database: Database, world: World) -> None:
    with as_user(world_database, world.person("viewer", claim=False)) as connection:
        asked = f"select {MEMBERSHIP}"
        assert connection.exec_driver_sql(asked).scalar_one() == f"({A},viewer)"
        with world_database.owner() as owner:
            join = sa.text(
                "insert into public.workspace_members (workspace_id, user_id) values (:w, :u)"
            )
            owner.execute(join, {"w": world.b, "u": named("viewer")})
        assert connection.exec_driver_sql(asked).scalar_one() == NONE


def test_a_request_leaves_nothing_behind_for_the_next_one_on_its_connection(
    worlds: Worlds,
) -> None:
    with worlds().engine("authenticator").connect() as connection:
        for claims, expected in (
            (claims_of(BOTH, workspace_id=A), EDITOR_OF_A),
            (None, NONE),
            (Person("viewer").claims, f"({A},viewer)"),
            (None, NONE),
        ):
            with connection.begin():
                if claims:
                    setting = sa.text("select set_config('request.jwt.claims', :claims, true)")
                    connection.execute(setting, {"claims": json.dumps(claims)})
                connection.exec_driver_sql("set local role authenticated")
                asked = connection.exec_driver_sql(f"select {MEMBERSHIP}").scalar_one()
                assert asked == expected


@both_majors
@pytest.mark.parametrize(
    "helper",
    [
        "mivaa.user_id()::text",
        "mivaa.workspace_for('write')::text",
        "mivaa.get_workspace_id()::text",
        "mivaa.get_user_role()",
        "mivaa.has_permission('write')::text",
        "mivaa.active_workspace_ids()::text",
        f"mivaa.is_colleague('{named('viewer')}')::text",
        f"mivaa.resolve_workspace('{A}', 'write')::text",
        "mivaa.json_setting('request.jwt.claims') ->> 'sub'",
        f"mivaa.uuid_or_null('{A}')::text",
    ],
)
def test_a_parallel_worker_gives_the_same_answer(worlds: Worlds, major: int, helper: str) -> None:
    with acting(worlds(major), "authenticated", claims_of(BOTH, workspace_id=A)) as connection:
        asked = f"select {helper} from generate_series(1, 1)"
        alone = connection.exec_driver_sql(asked).scalar_one()
        connection.exec_driver_sql("set local debug_parallel_query = on")
        plan = connection.exec_driver_sql(f"explain (costs off) {asked}").scalars().all()
        assert "Gather" in plan[0], "the question is not asked in a worker:\n" + "\n".join(plan)
        assert connection.exec_driver_sql(asked).scalar_one() == alone is not None


@both_majors
def test_malformed_claims_raise_in_no_parallel_worker(worlds: Worlds, major: int) -> None:
    for claims in ("{", '{"sub": "x"}', "[]"):
        with acting(worlds(major), "authenticated", claims) as connection:
            connection.exec_driver_sql("set local debug_parallel_query = on")
            count = connection.exec_driver_sql("select count(*) from public.documents")
            assert count.scalar_one() == 0


@pytest.mark.parametrize(
    ("older", "expected"),
    [(str(BOTH.id), VIEWER_OF_B), (str(Person("stranger").id), NONE), ("x", NONE)],
)
def test_the_user_is_the_one_that_user_id_says(worlds: Worlds, older: str, expected: str) -> None:
    claims = claims_of(Person("owner_of_b"), workspace_id=B)
    with acting(worlds(), "authenticated", claims) as connection:
        setting = sa.text("select set_config('request.jwt.claim.sub', :older, true)")
        connection.execute(setting, {"older": older})
        assert connection.exec_driver_sql(f"select {MEMBERSHIP}").scalar_one() == expected
