"""`mivaa-schema platform install` and `status`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import database_options, json_option, main, name_database, show
from mivaa_schema.settings import Settings


@main.group()
def platform() -> None:
    """Install the stand-in for what Supabase owns."""


@platform.command()
@database_options
@click.option("--owner", help="Role that will own the new objects of schema auth.")
def install(settings: Settings, owner: str | None) -> None:
    """Install the roles and the schema auth where they are missing."""
    # Imported here because SQLAlchemy is slow to import.
    from sqlalchemy.exc import DBAPIError

    from mivaa_schema import database
    from mivaa_schema import platform as stand_in

    engine = database.open_engine(settings, pooled=False)
    name_database(engine)
    with database.connect(engine) as connection:
        try:
            installed = stand_in.install(connection, owner=owner)
        except DBAPIError as error:
            raise database.explain(error, engine.url) from error
    if installed:
        click.echo(f"installed: {', '.join(installed)}")
    else:
        click.echo("nothing is missing, nothing was done")


@platform.command()
@database_options
@json_option
def status(settings: Settings, as_json: bool) -> None:
    """List the parts of the platform, and say which are missing."""
    from mivaa_schema import database
    from mivaa_schema import platform as stand_in

    with database.connect(database.open_engine(settings, pooled=False)) as connection:
        lacking = stand_in.missing(connection, extras=True)
        is_stand_in = stand_in.is_stand_in(connection)
        owner = stand_in.owner_of_auth(connection)
    parts = {part: part not in lacking for part in stand_in.PARTS | stand_in.EXTRAS}
    lines = [f"{'there  ' if there else 'MISSING'}  {part}" for part, there in parts.items()]
    if owner is not None:
        kind = "the stand-in" if is_stand_in else "a platform's own"
        lines.append(f"schema auth is {kind}, owned by {owner}")
    show(as_json, {"parts": parts, "auth_owner": owner, "stand_in": is_stand_in}, lines)
