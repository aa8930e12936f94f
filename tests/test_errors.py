"""Every error is a message that a user can act on."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
import string
from pathlib import PurePosixPath

import pytest

import mivaa_schema
from mivaa_schema.errors import Lines, MivaaError, printable


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


EVIL = "x\n  2. forged \x1b[2J\u202eold\x85"


def test_foreign_text_is_one_line_of_visible_characters():
    shown = printable(EVIL)
    assert shown == "x\\n  2. forged \\x1b[2J\\u202eold\\x85"
    assert shown.isprintable()
    assert printable("Grüße, 東京; a\\b 'c'") == "Grüße, 東京; a\\b 'c'"
    assert printable("x" * 1200) == "x" * 1000 + "... (200 more characters)"
    assert printable("\n" * 4, 2) == "\\n\\n... (2 more characters)"


def test_foreign_text_in_a_message_forges_no_line():
    message = str(Example(state=EVIL, door=PurePosixPath(EVIL)))
    assert message.count("\n") == 2
    assert message.replace("\n", "").isprintable()
    listed = str(Example(state="shut", door=Lines.of(["left", EVIL])))
    assert listed.count("\n") == 3
    assert len(str(Example(state="y" * 10**6, door=""))) < 1200


class Command(MivaaError):
    """These lead on:
      rm {file:sh}
      grant x to {role:name};
    and end.
    """


def test_a_field_is_quoted_for_the_command_in_which_it_stands():
    message = str(Command(file="a; touch b #", role='Weird"; drop role x; --'))
    assert "  rm 'a; touch b #'\n" in message
    assert '  grant x to "Weird""; drop role x; --";' in message
    assert "grant x to viewer;" in str(Command(file="a", role="viewer"))
