"""`mivaa-schema freeze`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import main


@main.command("freeze")
def freeze_command() -> None:
    """Write the generated files of every revision anew, after a revision was edited."""
    # Imported here because Alembic is slow to import.
    from mivaa_schema.drafting import freeze

    changed = freeze.write()
    for path in changed:
        click.echo(f"written: {path}")
    if not changed:
        click.echo("every manifest and rollback says what its revision does, nothing was written")
