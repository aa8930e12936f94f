"""`mivaa-schema renumber`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import main


@main.command("renumber")
@click.argument("revision")
def renumber_command(revision: str) -> None:
    """Put REVISION (a file or a number) after all others, where merged branches made two heads."""
    # Imported here because Alembic is slow to import.
    from mivaa_schema.migrations import renumber

    path = renumber.renumber(revision)
    click.echo(f"written: {path}")
    click.echo("now run `mivaa-schema freeze`: its rollback.sql still bears the old number.")
    click.echo("A database that has recorded the old number must be downgraded with the old file.")
