"""`mivaa-schema platform install`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import home_option, platform, resolve, url_option


@platform.command()
@url_option
@home_option
@click.option("--owner", help="Role that shall own what is new in schema auth.")
def install(url: str | None, home: str | None, owner: str | None) -> None:
    """Install the roles and the schema auth where they are missing."""
    from sqlalchemy.exc import DBAPIError

    from mivaa_schema import database, target
    from mivaa_schema import platform as stand_in

    engine = target.open_engine(resolve(url=url, home=home))
    with database.connect(engine) as connection:
        try:
            installed = stand_in.install(connection, owner=owner)
        except DBAPIError as error:
            raise database.explain(error, engine.url) from error
    if installed:
        click.echo(f"installed: {', '.join(installed)}")
    else:
        click.echo("nothing is missing, nothing was done")
