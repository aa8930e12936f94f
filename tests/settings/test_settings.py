"""`-x` comes before the environment, the environment before defaults; typos are errors."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from mivaa_schema.settings import BadSetting, Settings, UnknownSetting


def test_nothing_given_is_the_embedded_server_in_the_current_folder():
    assert Settings.resolve({}, {}) == Settings()
    assert Settings().url is None
    assert Settings().home is None


def test_environment_beats_the_defaults():
    environ = {
        "DATABASE_URL": "postgres://here/db",
        "MIVAA_HOME": "/var/lib/mivaa-schema",
        "MIVAA_LOCK_TIMEOUT": "0.5",
        "MIVAA_LOCK_RETRIES": "3",
        "MIVAA_UPGRADE_WAIT": "0",
        "MIVAA_BUILD_TIMEOUT": "60",
        "MIVAA_LOCK_MEMBERS": "yes",
        "MIVAA_ALLOW": "lock",
    }
    assert Settings.resolve({}, environ) == Settings(
        url="postgres://here/db",
        home=Path("/var/lib/mivaa-schema"),
        lock_timeout=0.5,
        lock_retries=3,
        upgrade_wait=0,
        build_timeout=60,
        lock_members=True,
        allow=frozenset({"lock"}),
    )


def test_x_beats_the_environment():
    environ = {"DATABASE_URL": "postgres://there/db", "MIVAA_LOCK_TIMEOUT": "9"}
    found = Settings.resolve({"url": "postgres://here/db", "lock_timeout": "1"}, environ)
    assert (found.url, found.lock_timeout) == ("postgres://here/db", 1)


def test_empty_variable_counts_as_not_set():
    assert Settings.resolve({}, {"DATABASE_URL": " ", "MIVAA_HOME": ""}) == Settings()


def test_home_may_begin_with_a_tilde():
    assert Settings.resolve({"home": "~/data"}, {}).home == Path.home() / "data"


def test_unknown_x_lists_the_known_ones():
    with pytest.raises(UnknownSetting) as failure:
        Settings.resolve({"lock_timout": "2"}, {})
    assert "`lock_timout`" in str(failure.value)
    for name in Settings.__dataclass_fields__:
        assert name in failure.value.fields["known"].split(", ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lock_timeout", "0"),
        ("lock_timeout", "0.0001"),
        ("lock_timeout", "-1"),
        ("lock_timeout", "2s"),
        ("lock_timeout", "nan"),
        ("lock_timeout", "inf"),
        ("lock_timeout", "1e9"),
        ("lock_retries", "1.5"),
        ("lock_retries", "-1"),
        ("upgrade_wait", ""),
        ("build_timeout", "-1"),
        ("lock_members", "maybe"),
        ("allow", "some"),
        ("home", ""),
        ("url", ""),
    ],
)
def test_bad_value_is_an_error_with_what_was_expected_and_where(name, value):
    with pytest.raises(BadSetting, match=f"setting `{name}`.*expected was .*`-x {name}=`"):
        Settings.resolve({name: value}, {})


def test_bad_variable_is_named():
    with pytest.raises(BadSetting, match="in the environment variable MIVAA_LOCK_RETRIES"):
        Settings.resolve({}, {"MIVAA_LOCK_RETRIES": "many"})


def test_password_is_not_in_the_repr():
    assert "hunter2" not in repr(Settings(url="postgres://me:hunter2@here/db"))


def test_settings_do_not_change():
    with pytest.raises(AttributeError):
        Settings().url = "x"  # type: ignore[misc]


def test_errors_survive_a_trip_between_processes():
    error = BadSetting(name="a", value="b", expected="c", source="d")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(again), str(again), again.fields) == (BadSetting, str(error), error.fields)
