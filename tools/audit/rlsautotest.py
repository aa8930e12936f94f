"""rlsautotest: sends statements as each kind of caller, and reads policies for what is dubious."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.audit.database import Audited
from tools.audit.findings import Finding
from tools.audit.installed import PATIENCE, FailedError

COMMANDS = ("SELECT", "INSERT", "UPDATE", "DELETE")
CALLERS = {
    "service_role": "service_role",
    "authorized": "a user who may",
    "other": "a user who may not",
    "anon": "anon",
}

# Then row-level security is all that there is, and a role without privileges is tested too.
_EVERYTHING = """
grant usage on schema public, mivaa to anon;
grant all on all tables in schema public to anon, authenticated, service_role;
grant execute on all functions in schema mivaa to anon;
"""


def run(audited: Audited, programs: Path) -> list[Finding]:
    """What it finds; it writes (and rolls back), so on a scratch database only.

    Raises:
        FailedError: It did not write its report.
    """
    open_to_all = audited.copied("open_to_all")
    with open_to_all.engine.begin() as connection:
        connection.exec_driver_sql(_EVERYTHING)
    open_to_all.engine.dispose()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        of_copy = ("--db-url", open_to_all.url, "--schema", "public")
        _execute(
            programs,
            folder,
            report,
            *of_copy,
            "--no-fail",
            "--report",
            "--report-json",
            str(report),
        )
        found = list(_reported(json.loads(report.read_text())))
        for schema in audited.schemas:
            read = Path(folder) / f"{schema}.json"
            of_schema = ("--db-url", audited.url, "--schema", schema)
            _execute(programs, folder, read, "lint", *of_schema, "--json", str(read))
            found += _linted(schema, json.loads(read.read_text()))
    return found


def _reported(report: Any) -> Iterator[Finding]:
    for table in report["tables"]:
        for rule in ("transition_leaks", "multi_findings", "branch_nt", "partial"):
            for said in table[rule]:
                yield Finding("rlsautotest", rule, table["table"], str(said))
        if table["exposed"] or not table["rls_enabled"]:
            yield Finding("rlsautotest", "exposed", table["table"])
        for said in table["footguns"]:
            if "BROKEN POLICY" in said:
                yield Finding("rlsautotest", "broken", table["table"], said)
        unreliable = {tuple(cell) for cell in table["unreliable_cells"]}
        for command in COMMANDS:
            for caller, words in CALLERS.items():
                name = f"{table['table']}, {command}, {words}"
                cell = table["idgrid"].get(command, {}).get(caller)
                if (command, caller) in unreliable:
                    yield Finding("rlsautotest", "unreliable", name)
                elif cell is None:
                    yield Finding("rlsautotest", "untested", name)
                elif not cell["pass"]:
                    yield Finding("rlsautotest", "failed", name, f"expected: {cell['exp']}")
        if table["unreliable"] and not unreliable:
            yield Finding("rlsautotest", "unreliable", table["table"], str(table["unreliable"]))


def _linted(schema: str, answer: Any) -> Iterator[Finding]:
    for one in answer:
        name = ".".join(part for part in (schema, one["table"], one["policy"]) if part)
        # It prints no code; messages of one rule begin alike.
        rule = re.split(r"[(:;\[\u2014]", one["message"])[0].strip()
        yield Finding("rlsautotest lint", rule, name, one["message"])


def _execute(programs: Path, folder: str, written: Path, *arguments: str) -> None:
    done = subprocess.run(
        [str(programs / "rlsautotest"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    # 1 says that it found something.
    if done.returncode not in (0, 1) or not written.exists():
        said = done.stderr[-2000:] or done.stdout[-2000:]
        raise FailedError(f"rlsautotest ended with {done.returncode}: {said}")
