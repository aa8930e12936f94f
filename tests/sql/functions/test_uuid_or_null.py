"""mivaa.uuid_or_null: a cast that never raises."""

from __future__ import annotations

import uuid

import pytest

from fixtures.calls import Worlds, call
from fixtures.clusters import both_majors

ID = "6f1d1a52-8c3a-4b8e-9a55-0c2f0d8a7b11"


@both_majors
@pytest.mark.parametrize("text", [ID, ID.upper()])
def test_a_uuid_is_read(worlds: Worlds, major: int, text: str) -> None:
    assert call(worlds(major), "mivaa.uuid_or_null(:t)", t=text) == uuid.UUID(ID)


@both_majors
@pytest.mark.parametrize(
    "text",
    [None, "", " ", "null", ID[:-1], f"{ID}0", f" {ID}", f"{ID}\n", f"{ID[:-1]}g", "1", "ü" * 36],
)
def test_anything_else_is_null_and_no_error(worlds: Worlds, major: int, text: str | None) -> None:
    assert call(worlds(major), "mivaa.uuid_or_null(cast(:t as text))", t=text) is None
