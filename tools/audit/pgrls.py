"""pgrls: its linter, its proofs of isolation, and its table of who reaches what."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.audit.composed import compose
from tools.audit.database import Audited
from tools.audit.findings import Finding
from tools.audit.installed import PATIENCE, FailedError

IDENTITIES = ("mivaa.workspace_for", "mivaa.user_id")
"""Functions that say who asks; a proof has one of them at a time, since pgrls takes no second."""

STATED = ("anon", "escalation", "reachability")
"""Proofs about the policies as they are."""

COMBINED = ("cross-tenant", "write")
"""Proofs about conditions as PostgreSQL combines them."""


def run(audited: Audited, programs: Path) -> list[Finding]:
    """What it finds.

    Raises:
        FailedError: It did not print what it prints otherwise.
    """
    schemas = ",".join(audited.schemas)

    def ask(of: Audited, command: str, *options: str) -> Any:
        return _ask(programs, command, "--database-url", of.url, *options, "--format", "json")

    found = [
        Finding("pgrls lint", violation["rule_id"], violation["location"], violation["message"])
        for violation in ask(audited, "lint", "--schemas", schemas)["violations"]
    ]
    found += _matrix(
        ask(audited, "matrix", "--schemas", "public", "--roles", "PUBLIC,anon,authenticated")
    )
    for path in ask(audited, "vector", "--schemas", schemas)["paths"]:
        found.append(Finding("pgrls vector", "path", json.dumps(path)))
    for mode in STATED:
        found += _unproven(mode, [ask(audited, "verify", "--schemas", schemas, "--mode", mode)])
    if audited.is_scratch:
        combined = audited.copied("combined")
        compose(combined)
        for mode in COMBINED:
            found += _unproven(
                mode,
                [
                    ask(
                        combined,
                        "verify",
                        "--schemas",
                        "public",
                        "--mode",
                        mode,
                        "--auth-function",
                        name,
                    )
                    for name in IDENTITIES
                ],
            )
    return found


def _unproven(mode: str, answers: list[Any]) -> Iterator[Finding]:
    """Tables without a proof; with a leak, or for which no answer has a proof."""
    verdicts: dict[str, list[str]] = {}
    for answer in answers:
        for table in answer["tables"]:
            verdicts.setdefault(table["table"], []).append(table["verdict"])
    for table, seen in verdicts.items():
        if "leak" in seen:
            yield Finding(f"pgrls verify {mode}", "leak", table)
        elif "isolated" not in seen:
            yield Finding(f"pgrls verify {mode}", "unverified", table)


def _matrix(answer: Any) -> Iterator[Finding]:
    """Cells that are wider than conditions: anon reaches nothing, users nothing unconditionally."""
    for row in answer["rows"]:
        for role, cell in row["access"].items():
            closed = ("denied", "conditional") if role == "authenticated" else ("denied",)
            if cell["verdict"] not in closed:
                name = f"{row['table']}, {row['command']}, {role}"
                yield Finding("pgrls matrix", cell["verdict"], name, cell["note"] or "")


def _ask(programs: Path, *arguments: str) -> Any:
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [str(programs / "pgrls"), *arguments],
            cwd=empty,  # where it finds no configuration
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    # 1 says that it found something.
    if done.returncode in (0, 1):
        try:
            return json.loads(done.stdout)
        except ValueError:
            pass
    said = re.sub(r"://\S*@", "://", done.stderr[-2000:] or done.stdout[-2000:])
    raise FailedError(f"pgrls {arguments[0]} ended with {done.returncode}: {said}")
