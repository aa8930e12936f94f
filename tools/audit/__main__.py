"""Run tools that nobody here wrote on the schema, and compare what they find with the waivers."""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path

# The fixtures of the tests are imported by that name.
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import click

from tools.audit import installed, lints, pgrls, plpgsql_check, rlsautotest
from tools.audit.database import Audited, scratch_database
from tools.audit.findings import Finding, compare, waivers
from tools.audit.installed import AbsentError, FailedError

Tool = Callable[[Audited], list[Finding]]


@functools.cache
def _installation() -> Path | AbsentError:
    try:
        return installed.environment()
    except AbsentError as error:
        return error


def _programs() -> Path:
    found = _installation()
    if isinstance(found, AbsentError):
        raise found
    return found


TOOLS: dict[str, Tool] = {
    "splinter": lints.run,
    "plpgsql_check": plpgsql_check.run,
    "pgrls": lambda audited: pgrls.run(audited, _programs()),
    "rlsautotest": lambda audited: rlsautotest.run(audited, _programs()),
}
"""Each tool; what it finds bears its name, or begins with it."""

WRITES = {"rlsautotest"}
"""Tools that write, and are run on a database of the audit's own only."""


@click.command(help=__doc__)
@click.option(
    "--url", help="Look at this database, with what only reads; print what is not waived."
)
@click.option("--only", multiple=True, type=click.Choice(list(TOOLS)), help="Run these tools.")
@click.option("--verbose", is_flag=True, help="Print what is waived, too.")
def main(url: str | None, only: tuple[str, ...], verbose: bool) -> None:
    absent: dict[str, str] = {}
    tools = {name: tool for name, tool in TOOLS.items() if not only or name in only}
    with contextlib.ExitStack() as stack:
        if url:
            audited = Audited(url)
            absent |= dict.fromkeys(WRITES, "it writes; not run on a database of yours")
        else:
            extension = None
            if "plpgsql_check" in tools:
                try:
                    extension = installed.plpgsql_check()
                except AbsentError as error:
                    absent["plpgsql_check"] = str(error)
            audited = stack.enter_context(scratch_database(extension))
        findings, failed = run_tools(audited, tools, absent)
    report(findings, tools, absent, failed, is_ours=url is None, verbose=verbose)


def run_tools(
    audited: Audited, tools: dict[str, Tool], absent: dict[str, str]
) -> tuple[dict[str, list[Finding]], dict[str, str]]:
    """What each tool finds; adds those that are not there, and returns those that failed."""
    findings: dict[str, list[Finding]] = {}
    failed: dict[str, str] = {}
    for name, tool in tools.items():
        if name in absent:
            continue
        began = time.monotonic()
        try:
            findings[name] = tool(audited)
        except AbsentError as error:
            absent[name] = str(error)
        except FailedError as error:
            failed[name] = str(error)
        else:
            click.echo(f"{name}: {len(findings[name])} findings, {time.monotonic() - began:.1f} s")
    return findings, failed


def report(
    findings: dict[str, list[Finding]],
    tools: dict[str, Tool],
    absent: dict[str, str],
    failed: dict[str, str],
    *,
    is_ours: bool,
    verbose: bool,
) -> None:
    """Print what is to be done, and end with 1 if there is something."""
    found = [finding for of_tool in findings.values() for finding in of_tool]
    waived = waivers()
    ran = {waiver.tool for waiver in waived if waiver.tool.split()[0] in findings}
    comparison = compare(found, waived, ran)
    if verbose:
        for finding in sorted(found):
            click.echo(f"    {finding}")
    for name in tools:
        if name in absent:
            click.echo(f"NOT RUN: {name}: {absent[name]}")
    for name, said in failed.items():
        click.echo(f"FAILED: {name}: {said}")
    click.echo(f"\n{len(found)} findings, {len(comparison.open)} of them not waived")
    for finding in comparison.open:
        click.echo(f"    {finding}")
    # Another database need not have what ours has.
    stale = comparison.stale if is_ours else ()
    for waiver in stale:
        click.echo(f"    a waiver that no finding needs: {waiver}")
    if comparison.open or stale or failed:
        sys.exit(1)


if __name__ == "__main__":
    main(prog_name="python -m tools.audit")
