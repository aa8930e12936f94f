"""Every error is a message that a user can act on."""

from __future__ import annotations

import string

import pytest

from mivaa_schema import errors
from mivaa_schema.errors import MivaaError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)
         and issubclass(kind, MivaaError) and kind is not MivaaError]  # fmt: skip


class Example(MivaaError):  # noqa: N818
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
    assert message[0].isupper() or message.startswith("pgvector")


def test_stripped_docstrings_leave_the_facts(monkeypatch):
    monkeypatch.setattr(Example, "__doc__", None)
    assert str(Example(state="shut", door="left")) == "Example: state=shut, door=left"
