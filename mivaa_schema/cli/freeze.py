"""`mivaa-schema freeze`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import main


@main.command("freeze")
def freeze_command() -> None:
    """Write the rollback.sql of every revision anew, after a change to a downgrade."""
    # Imported here because Alembic is slow to import.
    from mivaa_schema import freeze

    changed = freeze.write_rollbacks()
    for path in changed:
        click.echo(f"written: {path}")
    if not changed:
        click.echo("every rollback.sql says what its downgrade does, nothing was written")
