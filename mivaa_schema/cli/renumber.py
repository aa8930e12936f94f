"""`mivaa-schema renumber`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import main


@main.command()
@click.argument("revisions", nargs=-1, required=True)
@click.option("--alone", is_flag=True, help="What follows them belongs to the other branch.")
def renumber(revisions: tuple[str, ...], *, alone: bool) -> None:
    """Put REVISIONS (files or numbers) last, where merged branches made two heads.

    Name all revisions of one branch, in their order; they come after all others.
    """
    # Imported here because Alembic is slow to import.
    from mivaa_schema.migrations import renumber

    for path in renumber.renumber(revisions, alone=alone):
        click.echo(f"written: {path}")
    click.echo("now run `mivaa-schema freeze`, which writes their rollback.sql anew")
    click.echo(
        "a database that has recorded an old number must be downgraded first, with the old files"
    )
