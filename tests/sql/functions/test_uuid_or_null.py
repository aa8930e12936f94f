"""mivaa.uuid_or_null: a cast that never raises."""

from __future__ import annotations

import uuid

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fixtures.altered_functions import as_before_16
from fixtures.calls import Worlds, call
from fixtures.clusters import both_majors

ID = "6f1d1a52-8c3a-4b8e-9a55-0c2f0d8a7b11"


@both_majors
@pytest.mark.parametrize("text", [ID, ID.upper()])
def test_a_uuid_is_read(worlds: Worlds, major: int, text: str) -> None:
    assert call(worlds(major), "mivaa.uuid_or_null(:t)", t=text) == uuid.UUID(ID)


NO_ID = [None, "", " ", "null", ID[:-1], f"{ID}0", f" {ID}", f"{ID}\n", f"{ID[:-1]}g", "1"]
NO_ID += ["ü" * 36, ID.replace("-", "0"), ID.replace("-", ""), f"{{{ID}}}"]


@both_majors
@pytest.mark.parametrize("text", NO_ID)
def test_anything_else_is_null_and_no_error(worlds: Worlds, major: int, text: str | None) -> None:
    assert call(worlds(major), "mivaa.uuid_or_null(cast(:t as text))", t=text) is None


def test_before_postgresql_16_a_pattern_decides(superuser: Connection) -> None:
    as_before_16(superuser, "mivaa.uuid_or_null(text)")
    query = sa.text("select mivaa.uuid_or_null(:text)")
    for text in (ID, ID.upper()):
        assert superuser.execute(query, {"text": text}).scalar_one() == uuid.UUID(ID)
    for text in NO_ID:
        assert superuser.execute(query, {"text": text}).scalar_one() is None
