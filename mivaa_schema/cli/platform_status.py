"""`mivaa-schema platform status`."""

from __future__ import annotations

import json

import click

from mivaa_schema.cli.group import home_option, json_option, platform, resolve, url_option


@platform.command()
@url_option
@home_option
@json_option
def status(url: str | None, home: str | None, as_json: bool) -> None:
    """Say which parts of the platform are there."""
    from mivaa_schema import database, target
    from mivaa_schema import platform as stand_in

    engine = target.open_engine(resolve(url=url, home=home))
    with database.connect(engine) as connection:
        lacking = stand_in.missing(connection, extras=True)
        is_stand_in = stand_in.is_stand_in(connection)
        owner = stand_in.owner_of_auth(connection)
    parts = {part: part not in lacking for part in stand_in.PARTS | stand_in.EXTRAS}
    if as_json:
        click.echo(json.dumps({"parts": parts, "auth_owner": owner, "stand_in": is_stand_in}))
        return
    for part, there in parts.items():
        click.echo(f"{'there  ' if there else 'MISSING'}  {part}")
    if owner is not None:
        kind = "the stand-in" if is_stand_in else "a platform's own"
        click.echo(f"schema auth is {kind}, owned by {owner}")
