"""mivaa.is_colleague: whether a user is in the workspace of the request, and nothing more."""

from __future__ import annotations

import pytest

from fixtures.calls import Worlds, call, refused
from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.people import Person, World, named

W = World()


def is_colleague(made: Database, person: Person, name: str) -> bool:
    return bool(call(made, "mivaa.is_colleague(:id)", claims=person.claims, id=named(name)))


@both_majors
@pytest.mark.parametrize("name", ["owner", "viewer", "both", "editor"])
def test_active_members_of_the_workspace_are_colleagues(
    worlds: Worlds, major: int, name: str
) -> None:
    assert is_colleague(worlds(major), Person("editor", W.a), name) is True


@both_majors
@pytest.mark.parametrize("name", ["invited", "removed", "stranger", "owner_of_b", "no user at all"])
def test_nobody_else_is_one(worlds: Worlds, major: int, name: str) -> None:
    assert is_colleague(worlds(major), Person("editor", W.a), name) is False


def test_it_tells_nothing_of_a_workspace_that_is_not_the_request_s(worlds: Worlds) -> None:
    assert is_colleague(worlds(), Person("both", W.a), "owner_of_b") is False
    assert is_colleague(worlds(), Person("both", W.b), "owner_of_b") is True


@pytest.mark.parametrize("name", ["stranger", "removed"])
def test_without_a_workspace_nobody_is_one(worlds: Worlds, name: str) -> None:
    assert is_colleague(worlds(), Person(name, W.a), "owner") is False


def test_null_is_nobody(worlds: Worlds) -> None:
    asked = call(worlds(), "mivaa.is_colleague(null)", claims=Person("editor", W.a).claims)
    assert asked is False


def test_anon_cannot_call_them(worlds: Worlds) -> None:
    assert refused(worlds(), "mivaa.is_colleague(null)", role="anon").state == "42501"
