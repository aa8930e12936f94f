"""mivaa.get_user_role: the role of the membership, never of the token."""

from __future__ import annotations

import pytest

from fixtures.calls import Worlds, call, claims_of, refused
from fixtures.clusters import both_majors
from fixtures.people import ROLES, Person, World

W = World()


@both_majors
@pytest.mark.parametrize("role", ROLES)
def test_the_role_is_that_of_the_membership(worlds: Worlds, major: int, role: str) -> None:
    claims = claims_of(Person(role, W.a), user_role="owner", app_metadata={"role": "owner"})
    assert call(worlds(major), "mivaa.get_user_role()", claims=claims) == role


def test_it_is_another_one_in_another_workspace(worlds: Worlds) -> None:
    for workspace, role in ((W.a, "editor"), (W.b, "viewer"), (None, None)):
        claims = Person("both", workspace).claims
        assert call(worlds(), "mivaa.get_user_role()", claims=claims) == role


@pytest.mark.parametrize("name", ["invited", "suspended", "removed", "stranger", "owner_of_b"])
def test_without_an_active_membership_there_is_none(worlds: Worlds, name: str) -> None:
    claims = Person(name, W.a).claims
    assert call(worlds(), "mivaa.get_user_role()", claims=claims) is None


def test_anon_cannot_call_them(worlds: Worlds) -> None:
    assert refused(worlds(), "mivaa.get_user_role()", role="anon").state == "42501"
