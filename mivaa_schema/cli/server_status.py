"""`mivaa-schema server status`."""

from __future__ import annotations

import dataclasses
import json

import click

from mivaa_schema.cli.group import home_option, json_option, major_option, resolve, server


@server.command()
@home_option
@major_option
@json_option
def status(home: str | None, major: str, as_json: bool) -> None:
    """Say whether the server runs, and where its data is."""
    from mivaa_schema.server import EmbeddedServer

    found = EmbeddedServer(resolve(home=home).home, major=int(major)).status()
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), default=str))
    elif found.running:
        click.echo(f"running: PostgreSQL {found.major}, process {found.pid}, data in {found.data}")
        click.echo(found.url)
    else:
        click.echo(f"not running: PostgreSQL {found.major}, data in {found.data}")
