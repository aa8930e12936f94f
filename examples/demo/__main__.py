"""Runs the demo: ``python -m examples.demo``, with the extras ``migrate`` and ``embedded``."""

from __future__ import annotations

import os

import click

from examples import demo
from mivaa_schema.errors import MivaaError
from mivaa_schema.server import EmbeddedServer
from mivaa_schema.settings import Settings


@click.command()
@click.option(
    "--home", help="Folder of the embedded server (MIVAA_HOME, else .mivaa of the project)."
)
def main(home: str | None) -> None:
    """Show on real passages what the schema does: upgrade, search, isolation, refusals.

    Works on the embedded server, in a database of its own that it makes anew each time. Ends with
    code 1 if a check fails.
    """
    settings = Settings.resolve({} if home is None else {"home": home}, os.environ)
    try:
        made = demo.play(EmbeddedServer(settings.home), click.echo)
    except MivaaError as error:
        raise click.ClickException(str(error)) from error
    if not all(check.passed for check in made):
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    main(prog_name="python -m examples.demo")
