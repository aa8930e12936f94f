"""`mivaa-schema psql`, `dump` and `restore`: PostgreSQL's own programs."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import click

from mivaa_schema.cli.group import database_options, main, name_database
from mivaa_schema.errors import printable
from mivaa_schema.settings import Settings

# What is not known here is for the program; behind `psql`, that is everything.
_FURTHER = {"ignore_unknown_options": True}
_ALL_FURTHER = {**_FURTHER, "allow_interspersed_args": False}


def _refuse_options(file: Path, arguments: tuple[str, ...], *own: str) -> None:
    """Refuse an option in the place of FILE, and those that would change what the command does."""
    if file.name.startswith("-"):
        raise click.UsageError(
            f"FILE comes before options of the program, found {printable(file.name)}"
        )
    for argument in arguments:
        if argument.split("=")[0] in own or argument[:2] in own:
            raise click.UsageError(f"the option {printable(argument)} cannot be used here")


@main.command(context_settings=_ALL_FURTHER)
@database_options
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(settings: Settings, arguments: tuple[str, ...]) -> None:
    """Open psql on the database; ARGUMENTS are its own, such as -c 'select 1'."""
    # Imported here because SQLAlchemy is slow to import.
    from mivaa_schema import database, programs

    engine = database.open_engine(settings, pooled=False)
    path = programs.program("psql", programs.major_version(engine))
    words = [str(path), programs.address(engine), *arguments]
    os.execve(path, words, programs.environment(engine))  # noqa: S606 - it takes our place


@main.command(context_settings=_FURTHER)
@database_options
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def dump(settings: Settings, file: Path, arguments: tuple[str, ...]) -> None:
    """Write the database into FILE, in the custom format of pg_dump; ARGUMENTS are its own.

    A FILE that is there is replaced when the dump is complete.
    """
    # Imported here because SQLAlchemy is slow to import.
    from mivaa_schema import database, programs

    _refuse_options(file, arguments, "-f", "--file")
    # Through a link, to the file that it names.
    file = file.resolve()
    if file.exists() and not file.is_file():
        raise click.UsageError(
            f"{printable(file)} is no ordinary file: name one, or a file that is not there"
        )
    engine = database.open_engine(settings, pooled=False)
    partial = file.with_name(f"{file.name}.partial")
    options = ("--format=custom", f"--file={partial}", f"--dbname={programs.address(engine)}")
    try:
        if programs.run(engine, "pg_dump", *options, *arguments):
            raise click.ClickException(f"pg_dump failed; {printable(file)} was not written")
        partial.replace(file)
    finally:
        # pg_dump has said what is wrong with the folder.
        with contextlib.suppress(OSError):
            partial.unlink()
    click.echo(f"written: {printable(file)}, from {printable(database.place(engine))}")


@main.command(context_settings=_FURTHER)
@database_options
@click.option("--into", required=True, metavar="DATABASE", help="New database; it is created.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def restore(settings: Settings, into: str, file: Path, arguments: tuple[str, ...]) -> None:
    """Restore FILE, which `dump` has written, into a new database of the same server.

    In one transaction: if it fails, the new database is dropped. ARGUMENTS are those of pg_restore.
    """
    # Imported here because SQLAlchemy is slow to import.
    from mivaa_schema import database, programs

    _refuse_options(file, arguments, "-l", "--list", "-f", "--file", "-d", "--dbname")
    engine = database.open_engine(settings, pooled=False)
    programs.create_database(engine, into)
    name_database(engine, into)
    options = ("--single-transaction", f"--dbname={programs.address(engine, into)}")
    done = False
    try:
        done = programs.run(engine, "pg_restore", *options, *arguments, str(file)) == 0
    finally:
        if not done:
            programs.drop_database(engine, into)
    if not done:
        raise click.ClickException(
            f"pg_restore failed; database {printable(into)} was dropped again"
        )
    click.echo(f"restored: {printable(into)}")
    click.echo(f"its address: {programs.address(engine, into)}")
