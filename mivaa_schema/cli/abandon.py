"""`mivaa-schema abandon`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import home_option, main, resolve, url_option


@main.command("abandon")
@click.argument("revision")
@url_option
@home_option
@click.option("--apply", "applies", is_flag=True, help="Drop it; without, nothing is changed.")
def abandon_command(revision: str, url: str | None, home: str | None, applies: bool) -> None:
    """Drop what an interrupted REVISION has created so far, where its file is gone."""
    # Imported here because Alembic is slow to import.
    from mivaa_schema import database, target
    from mivaa_schema.migrations import abandon

    settings = resolve(url=url, home=home)
    engine = target.open_engine(settings)
    if applies:
        found = abandon.abandon(engine, settings, revision)
    else:
        with database.connect(engine) as connection:
            found = abandon.created_objects(connection, revision)
    for item in found:
        click.echo(f"{'dropped' if applies else 'would drop'}: {item}")
    end = "is abandoned" if applies else "stays as it is; --apply drops what is listed"
    click.echo(f"revision {revision} {end}")
