"""mivaa.json_setting: what a client sent, as JSON, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fixtures.altered_functions import as_before_16
from fixtures.calls import Worlds, call
from fixtures.clusters import both_majors
from fixtures.people import acting

CLAIMS = "mivaa.json_setting('request.jwt.claims')"


@both_majors
@pytest.mark.parametrize(
    ("text", "value"), [('{"sub": "x"}', {"sub": "x"}), ("[1, 2]", [1, 2]), ('"x"', "x")]
)
def test_json_is_read(worlds: Worlds, major: int, text: str, value: Any) -> None:
    assert call(worlds(major), CLAIMS, claims=text) == value


@both_majors
@pytest.mark.parametrize(
    "text", ["", "{", "sub=x", '{"sub": }', "{'sub': 'x'}", r'{"sub": "\u0000"}', '{"n": 1e999999}']
)
def test_what_is_no_json_is_null_and_no_error(worlds: Worlds, major: int, text: str) -> None:
    assert call(worlds(major), CLAIMS, claims=text) is None


@both_majors
def test_a_setting_that_nobody_set_is_null(worlds: Worlds, major: int) -> None:
    assert call(worlds(major), "mivaa.json_setting('request.of_nobody')") is None


@both_majors
def test_a_setting_of_an_earlier_transaction_reads_as_absent(worlds: Worlds, major: int) -> None:
    with worlds(major).engine("authenticator").connect() as connection:
        with connection.begin():
            connection.exec_driver_sql("select set_config('request.jwt.claims', '{}', true)")
        with connection.begin():
            left = "select current_setting('request.jwt.claims', true)"
            assert connection.exec_driver_sql(left).scalar_one() == ""
            connection.exec_driver_sql("set local role authenticated")
            assert connection.exec_driver_sql(f"select {CLAIMS}").scalar_one() is None


def test_anon_cannot_call_it(worlds: Worlds) -> None:
    with (
        acting(worlds(), "anon") as connection,
        pytest.raises(Exception, match="permission denied for schema mivaa"),
    ):
        connection.exec_driver_sql(f"select {CLAIMS}")


def test_before_postgresql_16_the_outer_shape_decides(superuser: Connection) -> None:
    as_before_16(superuser, "mivaa.json_setting(text)")
    query = sa.text(f"select {CLAIMS} from set_config('request.jwt.claims', :text, true)")
    for text in ('{"sub": "x"}', ' {"sub":\n"x"} '):
        assert superuser.execute(query, {"text": text}).scalar_one() == {"sub": "x"}
    for text in ("{", "sub=x", "'{}'", "", "[1, 2]"):
        assert superuser.execute(query, {"text": text}).scalar_one() is None
