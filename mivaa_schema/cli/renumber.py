"""`mivaa-schema renumber`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import main


@main.command()
@click.argument("revision")
def renumber(revision: str) -> None:
    """Put REVISION (a file or a number) after all others, where merged branches made two heads."""
    # Imported here because Alembic is slow to import.
    from mivaa_schema.migrations import renumber

    click.echo(f"written: {renumber.renumber(revision)}")
    click.echo("now run `mivaa-schema freeze`: its rollback.sql still has the old number.")
    click.echo("A database at the old number must be downgraded with the old file.")
