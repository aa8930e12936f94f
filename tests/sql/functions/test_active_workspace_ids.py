"""mivaa.active_workspace_ids: the workspaces among which a user may choose."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.calls import Worlds, call, refused
from fixtures.clusters import both_majors
from fixtures.people import Person, World

W = World()
IDS = "mivaa.active_workspace_ids()"


@both_majors
def test_it_lists_all_of_them_whatever_the_token_claims(worlds: Worlds, major: int) -> None:
    for workspace in (None, W.a, W.b):
        ids = call(worlds(major), IDS, claims=Person("both", workspace).claims)
        assert sorted(ids) == sorted([W.a, W.b])


@pytest.mark.parametrize("name", ["invited", "suspended", "removed", "stranger"])
def test_memberships_that_are_not_active_do_not_count(worlds: Worlds, name: str) -> None:
    assert call(worlds(), IDS, claims=Person(name, W.a).claims) == []


@pytest.mark.parametrize("claims", [None, "", "{", {"sub": "no uuid"}], ids=repr)
def test_without_a_user_the_list_is_empty(worlds: Worlds, claims: Any) -> None:
    assert call(worlds(), IDS, claims=claims) == []


def test_anon_cannot_call_them(worlds: Worlds) -> None:
    assert refused(worlds(), IDS, role="anon").state == "42501"
