"""`mivaa-schema preflight`."""

from __future__ import annotations

import contextlib
from dataclasses import asdict

import click

from mivaa_schema.cli.group import (
    count,
    database_options,
    json_option,
    main,
    show,
    warn_of_interrupted,
)
from mivaa_schema.settings import Settings


@main.command()
@database_options
@json_option
@click.option(
    "--lock-members", is_flag=True,
    help="As for an upgrade with -x lock_members=yes (MIVAA_LOCK_MEMBERS).",
)  # fmt: skip
def preflight(settings: Settings, as_json: bool, lock_members: bool) -> None:
    """List what would stop an upgrade, and what its owner should know; changes nothing.

    Ends with code 1 if the upgrade would be refused.
    """
    # Imported here because SQLAlchemy is slow to import.
    from mivaa_schema import database, platform
    from mivaa_schema.preflight import report

    with database.connect(database.open_engine(settings, pooled=False)) as connection:
        # A standby can be examined as well.
        with contextlib.suppress(platform.ServerReadOnly):
            platform.check_server(connection)
        findings = report(connection, lock_members=lock_members or settings.lock_members)
        warn_of_interrupted(connection)
    errors = sum(finding.severity == "error" for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.severity:7}  {finding.object} is {finding.found}")
        lines += [f"{'':7}  expected: {finding.expected}", f"{'':7}  {finding.remedy}"]
    lines.append(f"{count(errors, 'error')}, {count(len(findings) - errors, 'warning')}")
    show(as_json, [asdict(finding) for finding in findings], lines)
    if errors:
        raise click.exceptions.Exit(1)
