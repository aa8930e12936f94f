"""What a run can be told: `-x name=value` before the environment before the defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mivaa_schema.errors import MivaaError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# PostgreSQL keeps a timeout as a 32-bit number of milliseconds.
_LONGEST = 2_147_483.0


class UnknownSetting(MivaaError):
    """There is no setting `{name}`; `-x name=value` takes one of: {known}."""


class BadSetting(MivaaError):
    """The setting `{name}` is {value!r}; expected was {expected}. Correct it in {source}."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The database of a run, how long it waits, and what it may do.

    Attributes:
        url: address of the database as it was typed, or None for the embedded server. Left out of
            the repr, because it can hold a password.
        home: folder of the embedded server, or None for that of the project: `.mivaa` in it, or a
            folder in /var/lib where root's server cannot enter the project.
        lock_timeout: seconds that users may have to wait while a change waits for the locks of its
            tables; it lets them pass and tries again, for some seconds each time. Below the
            server's deadlock_timeout (1 s), so that a deadlock never ends a user's statement.
        lock_retries: how often a revision that could not acquire its locks is tried again; with
            its pauses, the default lasts some four minutes.
        upgrade_wait: seconds to wait for another upgrade to end; 0 does not wait.
        build_timeout: seconds that an index build or a validation may take; 0 is no limit.
        lock_members: enable row-level security on an adopted platform's `workspaces` and
            `workspace_members` too.
        pooler: what is between the client and the server. `direct` and `session` are believed,
            `transaction` is refused where an upgrade needs a session, `auto` finds out.
        allow: what a drafted revision may do although it is dangerous: `lock` (hold a strong lock
            while a table is scanned or rewritten), `replace` (drop a column and add one of the
            same type).
    """

    url: str | None = field(default=None, repr=False)
    home: Path | None = None
    lock_timeout: float = 0.1
    lock_retries: int = 60
    upgrade_wait: float = 600.0
    build_timeout: float = 14_400.0
    lock_members: bool = False
    pooler: str = "auto"
    allow: frozenset[str] = frozenset()

    @classmethod
    def resolve(cls, x: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
        """Read the settings from the `-x` arguments and the environment.

        Args:
            x: the `-x` arguments by name; each name must be a known one.
            environ: the environment; an empty value counts as not set.

        Raises:
            UnknownSetting: `x` has a name that is no setting.
            BadSetting: a value is not what the setting expects.
        """
        for name in x:
            if name not in _READERS:
                raise UnknownSetting(name=name, known=", ".join(_READERS))
        found: dict[str, Any] = {}
        for name, (read, expected) in _READERS.items():
            variable = "DATABASE_URL" if name == "url" else f"MIVAA_{name.upper()}"
            text, source = environ.get(variable, "").strip(), f"the environment variable {variable}"
            if name in x:
                text, source = x[name].strip(), f"`-x {name}=`"
            elif not text:
                continue
            try:
                if not text:
                    raise ValueError
                found[name] = read(text)
            except (ValueError, KeyError):
                shown = "..." if name == "url" else text
                raise BadSetting(name=name, value=shown, expected=expected, source=source) from None
        return cls(**found)


def _number(kind: type[float], lowest: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = kind(text)
        if not lowest <= value <= _LONGEST:
            raise ValueError
        return value

    return read


_YES_OR_NO = dict.fromkeys(("yes", "true", "on", "1"), True)
_YES_OR_NO |= dict.fromkeys(("no", "false", "off", "0"), False)
_POOLERS = {word: word for word in ("auto", "direct", "session", "transaction")}
_DANGERS = {word: word for word in ("lock", "replace")}

# name -> reader (it raises ValueError or KeyError), what is expected
_READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "url": (str, "a database address, postgresql://..."),
    "home": (lambda text: Path(text).expanduser(), "a folder"),
    # Below a millisecond it would round to 0, which PostgreSQL reads as "no limit".
    "lock_timeout": (
        _number(float, 0.001),
        f"seconds above 0 and up to {_LONGEST:.0f}, such as 2 or 0.5",
    ),
    "lock_retries": (_number(int, 0), "a whole number of 0 or more"),
    "upgrade_wait": (_number(float, 0), f"seconds from 0 to {_LONGEST:.0f}"),
    "build_timeout": (_number(float, 0), f"seconds from 0 (no limit) to {_LONGEST:.0f}"),
    "lock_members": (lambda text: _YES_OR_NO[text.lower()], "yes or no"),
    "pooler": (lambda text: _POOLERS[text], "auto, direct, session or transaction"),
    "allow": (
        lambda text: frozenset(_DANGERS[word.strip()] for word in text.split(",")),
        "lock, replace, or both with a comma",
    ),
}
