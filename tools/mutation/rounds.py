"""Which tests are run against a mutant, in which order."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path

from tools.mutation.mutants import Mutant

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
SQL = ROOT / "mivaa_schema/sql"

LAWS = "sql/laws"
MOST_LIKELY = ("sql/policies", "isolation", "sql/triggers")
SEARCHED = (*MOST_LIKELY, "sql/functions", "attacks", "search")
"""Tests of what the database does; the laws of its catalogs come beside them."""

NOT_SEARCHED = {
    "test_rollback_migration_phase.py": "compares the text of schemas",
    "test_auth_aliases.py": "upgrades and downgrades",
    "test_lock_tables.py": "is about upgrades",
    "test_mark_migration_complete.py": "is the owner's alone",
}


def rounds_of(mutant: Mutant) -> list[Sequence[Path]]:
    """The files of tests for a mutant: those that are about what it lacks, then the others."""
    laws = _files(LAWS)
    others = [file for folder in SEARCHED for file in _files(folder)]
    if not mutant.subject:
        likely = [file for folder in MOST_LIKELY for file in _files(folder)]
        first = [laws, likely]
    else:
        first = [_about(mutant.subject, others)]
    done = [file for part in first for file in part]
    rest = [file for file in (*others, *laws) if file not in done]
    return [part for part in (*first, rest) if part]


@functools.cache
def _files(folder: str) -> list[Path]:
    found = sorted((TESTS / folder).glob("test_*.py"))
    return [file for file in found if file.name not in NOT_SEARCHED]


def _about(function: str, files: list[Path]) -> list[Path]:
    """The files that speak of a function, or else of those that call it; its own one first."""
    named = [function]
    about: list[Path] = []
    while named and not about:
        about = [file for file in files if any(_speaks(file, name) for name in named)]
        if not about:
            named = [caller for name in named for caller in _callers(name)]
    if not about:  # nobody calls it, so a trigger does
        about = _files("sql/triggers")
    return sorted(about, key=lambda file: not any(name in file.name for name in named))


@functools.cache
def _callers(function: str) -> list[str]:
    called = re.compile(rf"\bmivaa\.{function}\b")
    found = sorted((SQL / "functions").glob("*.sql"))
    callers = [file for file in found if called.search(file.read_text("utf-8"))]
    names = [file.name.split(".")[1] for file in callers]
    return [name for name in names if name != function]


@functools.cache
def _speaks(file: Path, function: str) -> bool:
    return re.search(rf"\b{function}\b", file.name + file.read_text("utf-8")) is not None
