"""`mivaa-schema server start`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import home_option, major_option, resolve, server


@server.command()
@home_option
@major_option
@click.option(
    "--port", type=click.IntRange(0, 65535),
    help="Listen on this TCP port of 127.0.0.1 too; 0 switches TCP off.",
)  # fmt: skip
def start(home: str | None, major: str, port: int | None) -> None:
    """Start the server, install the platform stand-in, and print the address."""
    from mivaa_schema import database
    from mivaa_schema import platform as stand_in
    from mivaa_schema.server import EmbeddedServer

    embedded = EmbeddedServer(resolve(home=home).home, major=int(major), port=port)
    embedded.start()
    with database.connect(database.create_engine(embedded.url())) as connection:
        stand_in.install(connection)
    click.echo(embedded.url())
