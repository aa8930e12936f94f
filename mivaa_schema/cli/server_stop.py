"""`mivaa-schema server stop`."""

from __future__ import annotations

import click

from mivaa_schema.cli.group import home_option, major_option, resolve, server


@server.command()
@home_option
@major_option
def stop(home: str | None, major: str) -> None:
    """Stop the server; the data stays."""
    from mivaa_schema.server import EmbeddedServer

    EmbeddedServer(resolve(home=home).home, major=int(major)).stop()
    click.echo("stopped")
