"""Every error is a message that a user can act on."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
import string

import pytest

import mivaa_schema
from mivaa_schema.errors import MivaaError


def kinds() -> list[type[MivaaError]]:
    """Every error of every module."""
    found = {}
    for module in pkgutil.walk_packages(mivaa_schema.__path__, "mivaa_schema."):
        if not module.name.endswith(("__main__", "sql")):
            for kind in vars(importlib.import_module(module.name)).values():
                if isinstance(kind, type) and issubclass(kind, MivaaError):
                    found[kind.__name__] = kind
    return [kind for name, kind in sorted(found.items()) if kind is not MivaaError]


KINDS = kinds()


class Example(MivaaError):
    """The door is {state}; it should
    be open. Run:
      open {door}
    and go in.
    """


def test_docstring_is_the_message_and_commands_keep_their_line():
    error = Example(state="shut", door="the {left} one")
    assert str(error) == (
        "The door is shut; it should be open. Run:\n  open the {left} one\nand go in."
    )
    assert error.fields == {"state": "shut", "door": "the {left} one"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_message_and_fills_it(kind):
    assert kind.__doc__
    fields = {name for _, name, _, _ in string.Formatter().parse(kind.__doc__) if name}
    message = str(kind(**{name: 7 if "seconds" in name else f"<{name}>" for name in fields}))
    for name in fields:
        assert f"<{name}>" in message or "seconds" in name
    assert message[0].isupper() or message.startswith(("pgvector", "`alembic "))


def test_stripped_docstrings_leave_the_facts(monkeypatch):
    monkeypatch.setattr(Example, "__doc__", None)
    assert str(Example(state="shut", door="left")) == "Example: state=shut, door=left"


def test_a_missing_field_does_not_hide_the_failure():
    assert str(Example(door="left")).startswith("The door is (unknown state); it should")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_error_fails_for_lack_of_a_field_or_by_an_odd_value(kind):
    fields = {name for _, name, _, _ in string.Formatter().parse(kind.__doc__) if name}
    assert all(f"(unknown {name})" in str(kind()) for name in fields)
    assert all("odd" in str(kind(**{name: "odd"})) for name in fields)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_of_another_process_is_the_same_error(kind):
    error = kind(detail="that is so", extra="left")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(again), str(again), again.fields) == (kind, str(error), error.fields)
