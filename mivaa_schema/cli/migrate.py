"""`mivaa-schema upgrade`, `downgrade`, `current`, `history`, `check` and `stamp`: Alembic's own."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import click

from mivaa_schema.cli.group import INTERRUPTED, complete_revisions, main
from mivaa_schema.errors import Lines, printable

if TYPE_CHECKING:
    from collections.abc import Callable


def migration_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what all of them take: the database, and settings as Alembic's `-x` has them."""
    for option in (
        click.option("-x", "settings", multiple=True, metavar="NAME=VALUE",
                     help="A setting, such as lock_timeout=0.05."),
        click.option("--home", help="Folder of the embedded server."),
        click.option("--url", help="Database address (DATABASE_URL, else the embedded server)."),
    ):  # fmt: skip
        command = option(command)
    return command


def run(
    name: str,
    *arguments: Any,
    url: str | None,
    home: str | None,
    settings: tuple[str, ...],
    confirm: Callable[[list[str]], bool] | None = None,
    **options: Any,
) -> None:
    """Run a command of Alembic on the history of this project, from a checkout or a wheel."""
    # Imported here because Alembic is slow to import.
    from alembic import command
    from alembic.util import CommandError

    from mivaa_schema.migrations import alembic_config

    given = {"url": url, "home": home}
    x = [*settings, *(f"{key}={value}" for key, value in given.items() if value is not None)]
    config = alembic_config()
    # With them, env.py knows that it was called from a command line.
    config.cmd_opts = argparse.Namespace(cmd=name, x=x)
    config.attributes["confirm"] = confirm
    try:
        getattr(command, name)(config, *arguments, **options)
    except CommandError as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            click.echo(str(error), err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
        raise click.ClickException(Lines.of(str(error).splitlines(), "")) from error


@main.command()
@click.argument("revision", default="head", shell_complete=complete_revisions)
@click.option("--sql", is_flag=True, help="Print the SQL for psql; changes nothing.")
@migration_options
def upgrade(revision: str, *, sql: bool, **target: Any) -> None:
    """Upgrade the database to REVISION, the last one without it."""
    run("upgrade", revision, sql=sql, **target)


# `-1` is a revision, not an option.
@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("revision", shell_complete=complete_revisions)
@click.option("--yes", is_flag=True, help="Do not ask where rows or values would be lost.")
@click.option("--sql", is_flag=True, help="Print the SQL for psql; changes nothing.")
@migration_options
def downgrade(revision: str, *, yes: bool, sql: bool, **target: Any) -> None:
    """Downgrade the database to REVISION: a number, -1, or base.

    Where rows or values would be lost, lists them and asks.
    """
    run("downgrade", revision, sql=sql, confirm=None if yes else _confirm, **target)


def _confirm(losses: list[str]) -> bool:
    click.echo("The downgrade drops:", err=True)
    for loss in losses:
        click.echo(f"  {printable(loss)}", err=True)
    return click.confirm("Continue?", err=True)


@main.command()
@click.option("-v", "--verbose", is_flag=True, help="What each revision says of itself.")
@migration_options
def current(*, verbose: bool, **target: Any) -> None:
    """Print the revision of the database."""
    run("current", verbose=verbose, **target)


@main.command()
@click.option("-r", "--rev-range", metavar="FROM:TO", help="Only these revisions.")
@click.option("-v", "--verbose", is_flag=True, help="What each revision says of itself.")
@migration_options
def history(*, rev_range: str | None, verbose: bool, **target: Any) -> None:
    """List the revisions, the last one first."""
    run("history", rev_range=rev_range, verbose=verbose, **target)


@main.command()
@migration_options
def check(**target: Any) -> None:
    """End with code 1 if something is not drafted, or the database differs from the revisions."""
    run("check", **target)


@main.command()
@click.argument("revision", shell_complete=complete_revisions)
@migration_options
def stamp(revision: str, **target: Any) -> None:
    """Record REVISION; refused where the schema is not at it."""
    run("stamp", revision, **target)
