"""mivaa.resolve_workspace: the workspace that a function works on, or why it does not."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from fixtures.calls import Refusal, Worlds, call, owner_refused, refused
from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.people import Person, World, named

W = World()
RESOLVE = "mivaa.resolve_workspace(:workspace, :permission)"
NOWHERE = named("a workspace that nobody has")


def resolve(
    made: Database, person: Person, workspace: uuid.UUID | None, permission: str = "read"
) -> Any:
    return call(made, RESOLVE, claims=person.claims, workspace=workspace, permission=permission)


def refusal_of(
    made: Database, person: Person, workspace: uuid.UUID | None, permission: str = "read"
) -> Refusal:
    return refused(made, RESOLVE, claims=person.claims, workspace=workspace, permission=permission)


@both_majors
@pytest.mark.parametrize("argument", [None, W.a])
def test_a_user_gets_the_workspace_of_the_request(
    worlds: Worlds, major: int, argument: uuid.UUID | None
) -> None:
    assert resolve(worlds(major), Person("viewer", W.a), argument) == W.a


@both_majors
@pytest.mark.parametrize("argument", [W.b, NOWHERE])
def test_naming_another_workspace_is_refused_whether_it_exists_or_not(
    worlds: Worlds, major: int, argument: uuid.UUID
) -> None:
    refusal = refusal_of(worlds(major), Person("owner", W.a), argument)
    assert refusal.state == "42501"
    assert refusal.message == f"workspace {argument} is not the workspace of this request"
    assert "x-workspace-id" in str(refusal.hint)


def test_a_member_of_the_other_workspace_must_ask_as_such(worlds: Worlds) -> None:
    assert refusal_of(worlds(), Person("both", W.a), W.b).state == "42501"
    assert resolve(worlds(), Person("both", W.b), W.b) == W.b


@both_majors
@pytest.mark.parametrize("name", ["invited", "suspended", "removed", "stranger", "owner_of_b"])
@pytest.mark.parametrize("argument", [None, W.a])
def test_a_request_without_a_workspace_is_refused(
    worlds: Worlds, major: int, name: str, argument: uuid.UUID | None
) -> None:
    refusal = refusal_of(worlds(major), Person(name, W.a), argument)
    assert (refusal.state, refusal.message) == ("42501", "this request has no workspace")
    assert "workspace_id" in str(refusal.hint)


@pytest.mark.parametrize(
    ("name", "permission", "allowed"),
    [
        ("owner", "delete", True),
        ("admin", "delete", True),
        ("editor", "manage_documents", True),
        ("editor", "delete", False),
        ("viewer", "write", False),
        ("member", "manage_documents", False),
    ],
)
def test_the_permission_is_needed_too(
    worlds: Worlds, name: str, permission: str, allowed: bool
) -> None:
    if allowed:
        assert resolve(worlds(), Person(name, W.a), None, permission) == W.a
        return
    refusal = refusal_of(worlds(), Person(name, W.a), None, permission)
    assert (refusal.state, refusal.message) == ("42501", f"this needs the permission {permission}")


def test_a_misspelt_permission_is_an_error_for_users(worlds: Worlds) -> None:
    assert refusal_of(worlds(), Person("owner", W.a), None, "raed").state == "22023"


@both_majors
def test_service_role_must_name_a_workspace(worlds: Worlds, major: int) -> None:
    unnamed = "mivaa.resolve_workspace(null, 'read')"
    refusal = refused(worlds(major), unnamed, role="service_role")
    assert (refusal.state, refusal.message) == ("22004", "no workspace is named")


def test_service_role_and_the_owner_get_the_one_they_name(worlds: Worlds) -> None:
    request: dict[str, Any] = {"workspace": W.b, "permission": "write"}
    assert call(worlds(), RESOLVE, role="service_role", **request) == W.b
    with worlds().owner() as connection:
        assert connection.execute(sa.text(f"select {RESOLVE}"), request).scalar_one() == W.b


def test_the_owner_must_name_one_too(worlds: Worlds) -> None:
    refusal = owner_refused(worlds(), "select mivaa.resolve_workspace(null, 'read')")
    assert refusal.state == "22004"


def test_anon_cannot_call_them(worlds: Worlds) -> None:
    request: dict[str, Any] = {"workspace": W.a, "permission": "read"}
    assert refused(worlds(), RESOLVE, role="anon", **request).state == "42501"
