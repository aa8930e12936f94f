"""mivaa.user_id: who is asking; never an error."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from fixtures.calls import Worlds, call
from fixtures.clusters import both_majors
from fixtures.people import Person, acting, named

ME = named("editor")
OTHER = named("viewer")


@both_majors
def test_the_subject_of_the_token_is_the_user(worlds: Worlds, major: int) -> None:
    assert call(worlds(major), "mivaa.user_id()", claims=Person("editor").claims) == ME


@both_majors
@pytest.mark.parametrize(
    "claims",
    [
        None,
        "",
        "{",
        "null",
        "[]",
        '"text"',
        "7",
        {"role": "authenticated"},
        {"sub": None},
        {"sub": ""},
        {"sub": "not a uuid"},
        {"sub": f"{ME} or true"},
        {"sub": 7},
        {"sub": {"id": str(ME)}},
        {"sub": [str(ME)]},
    ],
    ids=repr,
)
def test_whatever_else_a_token_holds_is_nobody_and_no_error(
    worlds: Worlds, major: int, claims: Any
) -> None:
    assert call(worlds(major), "mivaa.user_id()", claims=claims) is None


def test_it_agrees_with_the_platform_about_every_valid_token(worlds: Worlds) -> None:
    for claims in (None, {"sub": str(ME)}, {"role": "authenticated"}):
        same = "mivaa.user_id() is not distinct from auth.uid()"
        assert call(worlds(), same, claims=claims) is True


def test_the_older_setting_comes_first_as_it_does_for_the_platform(worlds: Worlds) -> None:
    with acting(worlds(), "authenticated", Person("editor").claims) as connection:
        older = sa.text("select set_config('request.jwt.claim.sub', :sub, true)")
        connection.execute(older, {"sub": str(OTHER)})
        asked = connection.exec_driver_sql("select mivaa.user_id(), auth.uid()").one()
        assert tuple(asked) == (OTHER, OTHER)


def test_an_older_setting_that_is_malformed_is_nobody(worlds: Worlds) -> None:
    with acting(worlds(), "authenticated", Person("editor").claims) as connection:
        connection.exec_driver_sql("select set_config('request.jwt.claim.sub', 'x', true)")
        assert connection.exec_driver_sql("select mivaa.user_id()").scalar_one() is None


@pytest.mark.parametrize("role", ["authenticated", "service_role"])
def test_api_roles_may_call_it(worlds: Worlds, role: str) -> None:
    asked = call(worlds(), "mivaa.user_id()", role=role, claims=Person("editor").claims)
    assert asked == ME
