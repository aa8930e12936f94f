"""`mivaa-schema preflight`."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict

import click

from mivaa_schema.cli.group import home_option, json_option, main, resolve, url_option


@main.command("preflight")
@url_option
@home_option
@json_option
@click.option(
    "--lock-members", is_flag=True,
    help="As for an upgrade with -x lock_members=yes (MIVAA_LOCK_MEMBERS).",
)  # fmt: skip
def preflight_command(url: str | None, home: str | None, as_json: bool, lock_members: bool) -> None:
    """List what would stop an upgrade, and what its owner should know; changes nothing.

    Ends with code 1 if the upgrade would be refused.
    """
    # Imported here because SQLAlchemy is slow to import.
    from mivaa_schema import database, preflight, target
    from mivaa_schema.database import ServerReadOnly

    settings = resolve(url=url, home=home, lock_members="yes" if lock_members else None)
    engine = target.open_engine(settings)
    with database.connect(engine) as connection:
        # A copy that only follows another server can be looked at as well.
        with contextlib.suppress(ServerReadOnly):
            database.check_server(connection)
        findings = preflight.report(connection, lock_members=settings.lock_members)
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.severity:7}  {finding.object} is {finding.found}")
            click.echo(f"         expected: {finding.expected}")
            click.echo(f"         {finding.remedy}")
        click.echo(f"{_count(errors, 'error')}, {_count(len(findings) - errors, 'warning')}")
    if errors:
        raise click.exceptions.Exit(1)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
