"""`mivaa-schema freeze`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import home_option, main, resolve


@main.command("freeze")
@home_option
def freeze_command(home: str | None) -> None:
    """Write the generated files of every revision anew, after a revision was edited.

    These are manifest.json, rollback.sql and, recorded on a database of its own on the embedded
    server, catalog.json.
    """
    # Imported here because Alembic is slow to import.
    from mivaa_schema.drafting import freeze
    from mivaa_schema.drift.record import record
    from mivaa_schema.server import EmbeddedServer

    changed = [*freeze.write(), *record(EmbeddedServer(resolve(home=home).home))]
    for path in changed:
        click.echo(f"written: {path}")
    if not changed:
        click.echo("every generated file is as it should be, nothing was written")
