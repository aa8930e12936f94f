"""The base of every failure that a user can meet; its subclasses are beside what raises them."""

from __future__ import annotations

import functools
import inspect
import re
import shlex
import string
import unicodedata
from collections.abc import Iterable
from typing import Any

LONGEST = 1000
"""Characters of foreign text that a message shows at most."""


def printable(text: object, longest: int = LONGEST) -> str:
    """Text of others on one line, as a terminal shows it: nothing in it moves, hides or forges.

    Args:
        text: A name, a value, a statement, what a server said.
        longest: Characters that are shown; of what is longer, the number of the rest is said.

    Returns:
        The text with every control and format character (line breaks, escape sequences, changes
        of direction) written as an escape sequence of Python.
    """
    whole = str(text)
    shown = "".join(
        letter if _is_visible(letter) else letter.encode("unicode_escape").decode("ascii")
        for letter in whole[:longest]
    )
    rest = len(whole) - longest
    return shown if rest <= 0 else f"{shown}... ({rest} more characters)"


def printable_sql(text: str) -> str:
    """SQL, with words around it, on one line that a terminal shows and PostgreSQL reads as it was.

    Control and format characters in names and strings become escapes of PostgreSQL (``U&"..."``,
    ``E'...'``); elsewhere they are none of SQL, and are escaped as in any other text.
    """
    if all(map(_is_visible, text)):
        return text
    return "".join(
        _escaped(part) if n % 2 else printable(part, len(part))
        for n, part in enumerate(_NAME_OR_STRING.split(text))
    )


_NAME_OR_STRING = re.compile(
    r"""("(?:[^"]|"")*"|(?<!\w)[eE]'(?:[^'\\]|''|\\.)*'|(?<!\w)'(?:[^']|'')*')""", re.DOTALL
)


def _is_visible(letter: str) -> bool:
    """Whether a terminal shows it as it is; of spaces, those that are no break of a line."""
    return letter.isprintable() or unicodedata.category(letter) == "Zs"


def _escaped(quoted: str) -> str:
    if all(map(_is_visible, quoted)):
        return quoted
    is_name, has_escapes = quoted.startswith('"'), quoted[0] in "eE"
    prefix = "U&" if is_name else "" if has_escapes else "E"
    return prefix + "".join(
        letter if _is_visible(letter) else _escape(ord(letter), is_name=is_name)
        for letter in (quoted if has_escapes else quoted.replace("\\", "\\\\"))
    )


def _escape(code: int, *, is_name: bool) -> str:
    if code < 0x10000:
        return f"\\{code:04x}" if is_name else f"\\u{code:04x}"
    return f"\\+{code:06x}" if is_name else f"\\U{code:08x}"


class Lines(str):
    """Lines of a message that hold no foreign text, or had it made printable, each by itself."""

    __slots__ = ()

    @classmethod
    def of(cls, lines: Iterable[object], indent: str = "  ") -> Lines:
        """One line for each, made printable."""
        return cls(f"\n{indent}".join(map(printable, lines)))


class MivaaError(Exception):
    """Something failed: {detail}.

    A subclass is one failure. Its docstring is the template of its message; the keyword
    arguments fill the `{fields}` and stay readable in `error.fields`. A message says what is,
    what was expected and what to do next. It never holds a password. Fields may be foreign text,
    so each is made printable; `{field:sh}` is quoted for a shell, `{field:name}` as a name in SQL.
    """

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        super().__init__(self._message())

    def _message(self) -> str:
        # `python -OO` strips docstrings: then the message is the name and the fields.
        template = inspect.cleandoc(type(self).__doc__ or "")
        if type(self) is MivaaError:
            template = template.split("\n\n")[0]
        if not template:
            facts = ", ".join(f"{name}={printable(value)}" for name, value in self.fields.items())
            return f"{type(self).__name__}: {facts}"
        # Line breaks of a docstring are no line breaks of the message; an indented line is a
        # command and keeps its own.
        lines: list[str] = []
        command = True
        for line in template.splitlines():
            if command or line.startswith(" "):
                lines.append(line)
            else:
                lines[-1] += f" {line}"
            command = line.startswith(" ")
        return _Filler().vformat("\n".join(lines), (), self.fields)

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(type(self), **self.fields), ()


class _Filler(string.Formatter):
    """Fills a template; a missing field or one of an odd type never hides the failure."""

    def get_value(self, key: int | str, args: Any, kwargs: Any) -> Any:
        return kwargs.get(key, f"(unknown {key})")

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Lines):
            return str(value)
        if format_spec == "sh":
            return shlex.quote(printable(value))
        if format_spec == "name":
            name = printable(value)
            is_plain = re.fullmatch(r"[a-z_][a-z0-9_$]*", name)
            return name if is_plain else '"' + name.replace('"', '""') + '"'
        try:
            return printable(super().format_field(value, format_spec))
        except (TypeError, ValueError):
            return printable(value)


class ExtraMissing(MivaaError):
    """This needs packages that are not installed. Run
      pip install 'mivaa-schema[{extra}]'
    and start again.
    """
