"""`mivaa-schema server start`, `stop`, `status` and `url`."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import click

from mivaa_schema.cli.group import home_option, json_option, main, resolve, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from mivaa_schema.server import EmbeddedServer

NOT_RUNNING = 3
"""Exit code of `server status`, as that of pg_ctl."""


@main.group()
def server() -> None:
    """Manage the embedded PostgreSQL server."""


def server_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name a server; the command gets it as its first argument.

    A command may have an option `--port` too: it is the server's.
    """

    @home_option
    @click.option(
        "--major", type=click.Choice(["16", "18"]), default="18", show_default=True,
        help="PostgreSQL version.",
    )  # fmt: skip
    @functools.wraps(command)
    def run(*, home: str | None, major: str, port: int | None = None, **options: Any) -> None:
        # Imported here because psycopg2 is slow to import.
        from mivaa_schema.server import EmbeddedServer

        named = EmbeddedServer(resolve(home=home).home, major=int(major), port=port)
        command(named, **options)

    return run


@server.command()
@server_options
@click.option(
    "--port", type=click.IntRange(0, 65535),
    help="Listen on this TCP port of 127.0.0.1 too; 0 switches TCP off.",
)  # fmt: skip
def start(embedded: EmbeddedServer) -> None:
    """Start the server, install the platform stand-in, and print the address."""
    from mivaa_schema import database, platform

    embedded.start()
    with database.connect(database.embedded_engine(embedded)) as connection:
        platform.install(connection)
    click.echo(embedded.url())


@server.command()
@server_options
def stop(embedded: EmbeddedServer) -> None:
    """Stop the server; the data stays."""
    embedded.stop()
    click.echo("stopped")


@server.command()
@server_options
@json_option
def status(embedded: EmbeddedServer, as_json: bool) -> None:
    """Say whether the server runs, and where its data is; end with code 3 if it does not."""
    found = embedded.status()
    lines = [f"not running: PostgreSQL {found.major}, data in {found.data}"]
    if found.running:
        process = f"process {found.pid}, data in {found.data}"
        address = found.url or "it does not answer; `mivaa-schema server stop` ends it"
        lines = [f"running: PostgreSQL {found.major}, {process}", address]
    show(as_json, dataclasses.asdict(found), lines)
    if not found.running:
        raise click.exceptions.Exit(NOT_RUNNING)


@server.command()
@server_options
@click.option("--database", default="postgres", show_default=True, help="Database.")
@click.option("--tcp", is_flag=True, help="The TCP address, with its password.")
def url(embedded: EmbeddedServer, database: str, tcp: bool) -> None:
    """Print the address of the running server."""
    from mivaa_schema.server import ServerNotRunning

    if embedded.status().url is None:
        raise ServerNotRunning(folder=embedded.folder)
    click.echo(embedded.tcp_url(database) if tcp else embedded.url(database))
