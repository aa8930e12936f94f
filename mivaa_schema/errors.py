"""The base of every failure that a user can meet; its subclasses are beside what raises them."""

from __future__ import annotations

import functools
import inspect
import string
from typing import Any


class MivaaError(Exception):
    """Something failed: {detail}.

    A subclass is one failure. Its docstring is the template of its message; the keyword
    arguments fill the `{fields}` and stay readable in `error.fields`. A message says what is,
    what was expected and what to do next. It never holds a password.
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
            facts = ", ".join(f"{name}={value}" for name, value in self.fields.items())
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
        try:
            return str(super().format_field(value, format_spec))
        except (TypeError, ValueError):
            return str(value)


class ExtraMissing(MivaaError):
    """This needs packages that are not installed. Run
      pip install 'mivaa-schema[{extra}]'
    and start again.
    """
