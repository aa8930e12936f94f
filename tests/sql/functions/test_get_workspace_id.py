"""mivaa.get_workspace_id: the workspace of a request; never an error."""

from __future__ import annotations

import pytest

from fixtures.calls import Worlds, call, refused
from fixtures.clusters import both_majors
from fixtures.people import ROLES, Person, World

W = World()


@both_majors
@pytest.mark.parametrize("role", ROLES)
def test_every_active_member_has_a_workspace(worlds: Worlds, major: int, role: str) -> None:
    asked = call(worlds(major), "mivaa.get_workspace_id()", claims=Person(role, W.a).claims)
    assert asked == W.a


@pytest.mark.parametrize("name", ["invited", "suspended", "removed", "stranger", "owner_of_b"])
def test_nobody_else_has_this_one(worlds: Worlds, name: str) -> None:
    asked = call(worlds(), "mivaa.get_workspace_id()", claims=Person(name, W.a).claims)
    assert asked is None


def test_service_role_has_none_of_its_own(worlds: Worlds) -> None:
    assert call(worlds(), "mivaa.get_workspace_id()", role="service_role") is None


def test_anon_cannot_call_them(worlds: Worlds) -> None:
    refusal = refused(worlds(), "mivaa.get_workspace_id()", role="anon")
    assert refusal.state == "42501"
