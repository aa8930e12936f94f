"""Identity: what can be one, and that it stays what it was."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from mivaa_schema.identity import Identity
from mivaa_schema.identity.errors import BadIdentity

USER = uuid.UUID("00000000-0000-4000-8000-00000000000a")
NORTH = uuid.UUID("00000000-0000-4000-8000-000000000001")


def test_claims_are_kept_as_they_are() -> None:
    claims = {"sub": str(USER), "role": "authenticated", "amr": [{"method": "otp"}], "é": "☃"}
    assert Identity.from_claims(claims).claims == claims


def test_a_change_of_the_dictionary_does_not_reach_it() -> None:
    claims: dict[str, Any] = {"sub": str(USER), "app_metadata": {"workspace_id": str(NORTH)}}
    identity = Identity.from_claims(claims)
    claims["app_metadata"]["workspace_id"] = "another"
    identity.claims["sub"] = "another"
    assert identity.claims["app_metadata"] == {"workspace_id": str(NORTH)}
    assert identity.user_id == USER


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"sub": None},
        {"sub": 7},
        {"sub": ""},
        {"sub": "no uuid"},
        {"sub": USER.hex},
        {"sub": f"{{{USER}}}"},
        {"sub": str(USER), "role": "service_role"},
        {"sub": str(USER), "role": "postgres"},
        {"sub": str(USER), "role": None},
        {"sub": str(USER), "role": ["authenticated"]},
        {"sub": str(USER), "x": float("nan")},
        {"sub": str(USER), "x": {1, 2}},
        {"sub": str(USER), "x": "\ud800"},
        {"sub": str(USER), "x": "a\0b"},
        {"sub": str(USER), "a\0": 1},
        {"sub": str(USER), "x": "\\\0"},
    ],
    ids=ascii,
)
def test_claims_that_name_no_user_or_are_no_json_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(BadIdentity):
        Identity.from_claims(claims)


def test_a_backslash_before_u0000_is_no_character_of_code_0() -> None:
    assert Identity.from_claims({"sub": str(USER), "x": "\\u0000"}).claims["x"] == "\\u0000"


@pytest.mark.parametrize("workspace", ["", "no uuid", NORTH.hex])
def test_a_workspace_that_is_no_uuid_is_refused(workspace: str) -> None:
    with pytest.raises(BadIdentity, match="workspace"):
        Identity.of_user(USER, workspace_id=workspace)


def test_a_workspace_goes_into_the_headers() -> None:
    identity = Identity.of_user(USER, workspace_id=str(NORTH))
    assert identity.workspace_id == NORTH
    assert identity.headers_json == f'{{"x-workspace-id": "{NORTH}"}}'
    assert Identity.of_user(USER).headers_json == ""


def test_the_others_name_no_user() -> None:
    assert Identity.nobody().role == "anon"
    assert Identity.service().role == "service_role"
    assert Identity.nobody().user_id is Identity.service().user_id is None


def test_claims_are_not_shown() -> None:
    assert "secret@" not in repr(Identity.from_claims({"sub": str(USER), "email": "secret@x"}))
