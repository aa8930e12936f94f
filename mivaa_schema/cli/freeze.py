"""`mivaa-schema freeze`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import home_option, main, resolve


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
