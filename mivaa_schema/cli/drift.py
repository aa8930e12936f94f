"""`mivaa-schema drift`."""

from __future__ import annotations

import json
from itertools import groupby

import click

from mivaa_schema.cli.group import home_option, json_option, main, resolve, url_option


@main.command("drift")
@url_option
@home_option
@json_option
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL that repairs it, for psql.")
def drift_command(url: str | None, home: str | None, as_json: bool, as_sql: bool) -> None:
    """List what the database has otherwise than the revisions made it; changes nothing.

    Ends with code 1 if there is drift.
    """
    # Imported here because SQLAlchemy is slow to import.
    from mivaa_schema import database, drift, target
    from mivaa_schema.drift.repair import repair_sql

    with database.connect(target.open_engine(resolve(url=url, home=home))) as connection:
        differences = drift.find(connection)
        script = repair_sql(connection, differences) if as_sql else ""
    if as_json:
        click.echo(json.dumps([difference.as_json() for difference in differences], indent=2))
    elif as_sql:
        click.echo(script, nl=False)
    else:
        for item, group in groupby(differences, lambda difference: difference.object):
            click.echo(f"{item}: " + "; ".join(difference.detail() for difference in group))
        click.echo(f"{len(differences)} differences", err=True)
    if differences:
        raise click.exceptions.Exit(1)
