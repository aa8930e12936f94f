"""`mivaa-schema server url`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import home_option, major_option, resolve, server


@server.command()
@home_option
@major_option
@click.option("--database", default="postgres", show_default=True, help="Database.")
@click.option("--tcp", is_flag=True, help="The TCP address, with its password.")
def url(home: str | None, major: str, database: str, tcp: bool) -> None:
    """Print the address of the running server."""
    from mivaa_schema.server import EmbeddedServer, ServerNotRunning

    embedded = EmbeddedServer(resolve(home=home).home, major=int(major))
    if not embedded.status().running:
        raise ServerNotRunning(folder=embedded.folder)
    click.echo(embedded.tcp_url(database) if tcp else embedded.url(database))
