"""What all commands share: their group, their options, and how a failure is printed."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shlex
from typing import TYPE_CHECKING, Any

import click

from mivaa_schema import history
from mivaa_schema.errors import ExtraMissing, Lines, MivaaError, printable
from mivaa_schema.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy.engine import Connection, Engine

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as shells have it: 128 and the number of SIGINT."""

_EXTRAS = {"alembic": "migrate", "alembic_utils": "migrate", "tqdm": "migrate"}
"""The extra that brings a package which a command imports."""


class Commands(click.Group):
    """A group whose failures are printed as one message, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except MivaaError as error:
            raise click.ClickException(str(error)) from error
        except ModuleNotFoundError as error:
            extra = _EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            raise click.ClickException(str(ExtraMissing(extra=extra))) from error
        except KeyboardInterrupt:
            click.echo("Interrupted. Run the same command again to continue.", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
        except Exception as error:
            # Known by its module, since Alembic is slow to import.
            if type(error).__module__ != "alembic.util.exc":
                raise
            raise click.ClickException(Lines.of(str(error).splitlines(), "")) from error


@click.group(cls=Commands)
@click.version_option(package_name="mivaa-schema")
def main() -> None:
    """Manage the schema of a multi-workspace document platform."""


def complete_revisions(_: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The revisions that a shell offers for a word: numbers, ``head`` and ``base``."""
    return [word for word in (*history.folders(), "head", "base") if word.startswith(incomplete)]


home_option = click.option(
    "--home", help="Folder of the embedded server (MIVAA_HOME, else .mivaa of the project)."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
_url_option = click.option(
    "--url", help="Database address (DATABASE_URL, else the embedded server)."
)


def database_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name a database; the command gets them as its first argument."""

    @_url_option
    @home_option
    @functools.wraps(command)
    def run(*, url: str | None, home: str | None, **options: Any) -> None:
        history.refuse_branches()
        command(resolve(url=url, home=home), **options)

    return run


def name_database(engine: Engine, other: str | None = None) -> None:
    """Say which database a command changes, on standard error; another one of the same server."""
    # Imported here because SQLAlchemy is slow to import.
    from mivaa_schema import database

    url = engine.url
    name = other or url.database or url.username or "(that of the user's name)"
    click.echo(f"database {printable(name)} on {printable(database.place(engine))}", err=True)


def show(as_json: bool, found: object, lines: Iterable[str]) -> None:
    """Print what was found, as JSON or in lines; names and values in a line stay on it."""
    if as_json:
        click.echo(json.dumps(found, indent=2, default=str))
        return
    for line in lines:
        click.echo(printable(line, len(line)))


def count(number: int, noun: str) -> str:
    """A number and its noun: ``1 error``, ``2 errors``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def warn_of_interrupted(connection: Connection) -> None:
    """Name a revision that is interrupted, and what to do about it, on standard error."""
    from sqlalchemy.exc import DBAPIError

    from mivaa_schema import migrations

    name = None
    with contextlib.suppress(DBAPIError):
        # A role that may not read the ledger is told of that by the command itself.
        name = migrations.interrupted_revision(connection)
    if name is not None:
        name = shlex.quote(printable(name))
        revert = f"`mivaa-schema abandon {name}` lists what it has created so far"
        if name in (numbers := list(history.folders())):
            revert = f"`alembic downgrade {['base', *numbers][numbers.index(name)]}` reverts it"
        click.echo(
            f"warning: revision {name} is interrupted. `alembic upgrade {name}` completes it;"
            f" {revert}.",
            err=True,
        )
    connection.rollback()


def resolve(**given: Any) -> Settings:
    """Read the settings from a command's options (None is not given) and the environment."""
    x = {name: str(value) for name, value in given.items() if value is not None}
    return Settings.resolve(x, os.environ)
