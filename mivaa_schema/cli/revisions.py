"""`mivaa-schema freeze`, `renumber` and `abandon`: the files of revisions, and their lack."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import database_options, home_option, main, resolve
from mivaa_schema.settings import Settings


@main.command()
@home_option
def freeze(home: str | None) -> None:
    """Write the generated files of every revision again, after a revision was edited.

    These are manifest.json, rollback.sql and catalog.json, which is recorded in a database of its
    own on the embedded server.
    """
    # Imported here because Alembic is slow to import.
    from mivaa_schema.drafting.freeze import write
    from mivaa_schema.drift.record import record
    from mivaa_schema.server import EmbeddedServer

    changed = [*write(), *record(EmbeddedServer(resolve(home=home).home))]
    for path in changed:
        click.echo(f"written: {path}")
    if not changed:
        click.echo("every generated file is up to date, nothing was written")


@main.command()
@click.argument("revision")
def renumber(revision: str) -> None:
    """Put REVISION (a file or a number) after all others, where merged branches made two heads."""
    # Imported here because Alembic is slow to import.
    from mivaa_schema.migrations import renumber

    click.echo(f"written: {renumber.renumber(revision)}")
    click.echo("now run `mivaa-schema freeze`: its rollback.sql still has the old number.")
    click.echo("A database at the old number must be downgraded with the old file.")


@main.command()
@click.argument("revision")
@database_options
@click.option("--apply", "applies", is_flag=True, help="Drop it; without it, nothing is changed.")
def abandon(settings: Settings, revision: str, applies: bool) -> None:
    """Drop what an interrupted REVISION has created so far, where its file is missing."""
    # Imported here because Alembic is slow to import.
    from mivaa_schema import database
    from mivaa_schema.migrations import abandon

    engine = database.open_engine(settings)
    if applies:
        found = abandon.abandon(engine, settings, revision)
    else:
        with database.connect(engine) as connection:
            found = abandon.created_objects(connection, revision)
    for item in found:
        click.echo(f"{'dropped' if applies else 'would drop'}: {item}")
    end = "is abandoned" if applies else "was not changed; --apply drops what is listed"
    click.echo(f"revision {revision} {end}")
