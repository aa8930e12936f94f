"""What a run can be told: `-x name=value` before the environment before the defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mivaa_schema.errors import MivaaError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# PostgreSQL keeps a timeout as a 32-bit number of milliseconds.
_LONGEST = 2_147_483.0


class UnknownSetting(MivaaError):
    """There is no setting `{name}`. Known to `-x name=value` are: {known}."""


class BadSetting(MivaaError):
    """The setting `{name}` is {value!r}; expected was {expected}. Correct it in {source}."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run works on and how patient it is.

    Attributes:
        url: the database's address as it was typed, or None for the embedded server. It can hold
            a password, so it is left out of the repr.
        home: folder of the embedded server.
        lock_timeout: seconds that users may have to wait while a change waits for the locks of its
            tables; it lets them pass and tries again, for some seconds each time. Below the
            server's deadlock_timeout (1 s), so that in a deadlock it is never a user's statement
            that is ended.
        lock_retries: how often a revision is tried again that did not get its locks; with its
            pauses, the default lasts some four minutes.
        upgrade_wait: seconds to wait for another upgrade to end; 0 does not wait.
        build_timeout: seconds that an index build or a validation may take; 0 is no limit.
        lock_members: close `workspaces` and `workspace_members` of an adopted platform too.
        pooler: what stands before the server: `direct` or `session` are believed, `transaction` is
            refused where an upgrade needs a session; `auto` finds out.
        allow: what a drafted revision may do all the same: `lock` (hold a strong lock while a table
            is scanned or rewritten), `replace` (drop a column and add one of the same type).
    """

    url: str | None = field(default=None, repr=False)
    home: Path = Path(".mivaa")
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
        for name, (variable, read, expected) in _READERS.items():
            if name in x:
                text, source = x[name].strip(), f"`-x {name}=`"
            elif environ.get(variable, "").strip():
                text, source = environ[variable].strip(), f"the environment variable {variable}"
            else:
                continue
            try:
                found[name] = read(text)
            except ValueError:
                shown = "..." if name == "url" else text
                raise BadSetting(name=name, value=shown, expected=expected, source=source) from None
        return cls(**found)


def _text(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _path(text: str) -> Path:
    return Path(_text(text)).expanduser()


def _seconds(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or not 0 <= value <= _LONGEST:
        raise ValueError
    return value


def _some_seconds(text: str) -> float:
    value = _seconds(text)
    # Below a millisecond it would round to 0, which PostgreSQL reads as "wait for ever".
    if value < 0.001:
        raise ValueError
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 1_000_000:
        raise ValueError
    return value


def _yes_or_no(text: str) -> bool:
    words = {"yes": True, "true": True, "on": True, "1": True}
    words |= {"no": False, "false": False, "off": False, "0": False}
    if text.lower() not in words:
        raise ValueError
    return words[text.lower()]


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return read


def _some_of(*words: str) -> Callable[[str], frozenset[str]]:
    def read(text: str) -> frozenset[str]:
        found = frozenset(word.strip() for word in text.split(","))
        if not found <= set(words):
            raise ValueError
        return found

    return read


# name -> environment variable, reader, what is expected
_READERS: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "url": ("DATABASE_URL", _text, "a database address, postgresql://..."),
    "home": ("MIVAA_HOME", _path, "a folder"),
    "lock_timeout": (
        "MIVAA_LOCK_TIMEOUT",
        _some_seconds,
        f"seconds above 0 and up to {_LONGEST:.0f}, such as 2 or 0.5",
    ),
    "lock_retries": ("MIVAA_LOCK_RETRIES", _count, "a whole number of 0 or more"),
    "upgrade_wait": ("MIVAA_UPGRADE_WAIT", _seconds, f"seconds from 0 to {_LONGEST:.0f}"),
    "build_timeout": (
        "MIVAA_BUILD_TIMEOUT",
        _seconds,
        f"seconds from 0 (no limit) to {_LONGEST:.0f}",
    ),
    "lock_members": ("MIVAA_LOCK_MEMBERS", _yes_or_no, "yes or no"),
    "pooler": (
        "MIVAA_POOLER",
        _one_of("auto", "direct", "session", "transaction"),
        "auto, direct, session or transaction",
    ),
    "allow": ("MIVAA_ALLOW", _some_of("lock", "replace"), "lock, replace, or both with a comma"),
}
