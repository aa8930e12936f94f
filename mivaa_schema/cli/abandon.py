"""`mivaa-schema abandon`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import database_options, main, name_database
from mivaa_schema.errors import printable
from mivaa_schema.settings import Settings


@main.command()
@click.argument("revision")
@database_options
@click.option("--apply", "applies", is_flag=True, help="Drop it; without it, nothing is changed.")
def abandon(settings: Settings, revision: str, applies: bool) -> None:
    """Drop what an interrupted REVISION has created so far, where its file is missing."""
    # Imported here because Alembic is slow to import.
    from mivaa_schema import database
    from mivaa_schema.migrations import abandon

    engine = database.open_engine(settings, pooled=False)
    if applies:
        name_database(engine)
        found = abandon.abandon(engine, settings, revision)
    else:
        with database.connect(engine) as connection:
            found = abandon.created_objects(connection, revision)
    for item in found:
        click.echo(f"{'dropped' if applies else 'would drop'}: {printable(item)}")
    end = "is abandoned" if applies else "was not changed; --apply drops what is listed"
    click.echo(f"revision {printable(revision)} {end}")
