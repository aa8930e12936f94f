"""`mivaa-schema drift`."""

from __future__ import annotations

from itertools import groupby

import click

from mivaa_schema.cli.group import (
    count,
    database_options,
    json_option,
    main,
    show,
    warn_of_interrupted,
)
from mivaa_schema.settings import Settings


@main.command()
@database_options
@json_option
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL that repairs it, for psql.")
def drift(settings: Settings, as_json: bool, as_sql: bool) -> None:
    """List where the database differs from what the revisions created; changes nothing.

    Ends with code 1 if there is drift.
    """
    # Imported here because SQLAlchemy is slow to import.
    from mivaa_schema import database
    from mivaa_schema.drift import find
    from mivaa_schema.drift.repair import repair_sql

    with database.connect(database.open_engine(settings, pooled=False)) as connection:
        differences = find(connection)
        warn_of_interrupted(connection)
        script = repair_sql(connection, differences) if as_sql else ""
    if as_sql and not as_json:
        click.echo(script, nl=False)
    else:
        lines = (
            f"{item}: " + "; ".join(difference.detail() for difference in group)
            for item, group in groupby(differences, lambda difference: difference.object)
        )
        show(as_json, [each.as_json() for each in differences], lines)
        if not as_json:
            click.echo(count(len(differences), "difference"), err=True)
    if differences:
        raise click.exceptions.Exit(1)
