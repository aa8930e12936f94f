"""The command `mivaa-schema`: a verb does its work or ends with one message and code 1."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import exc

from mivaa_schema import database, platform, pooler
from mivaa_schema.errors import MivaaError, ServerNotRunning, ServerReadOnly
from mivaa_schema.server import EmbeddedServer
from mivaa_schema.settings import Settings

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from mivaa_schema.repair import Finding


class Verbs(click.Group):
    """A group whose verbs may raise MivaaError: it is printed, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except MivaaError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Verbs)
@click.version_option(package_name="mivaa-schema")
def main() -> None:
    """Look after the schema of a multi-workspace document platform."""


def resolve(**given: Any) -> Settings:
    """Read the settings from a verb's options (None is not given) and the environment."""
    x = {name: str(value) for name, value in given.items() if value is not None}
    return Settings.resolve(x, os.environ)


_home = click.option("--home", help="Folder of the embedded server (MIVAA_HOME, else .mivaa).")
_major = click.option(
    "--major", type=click.Choice(["16", "18"]), default="18", show_default=True,
    help="PostgreSQL version.",
)  # fmt: skip
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
_url = click.option("--url", help="Database address (DATABASE_URL, else the embedded server).")


@main.group()
def server() -> None:
    """Start, stop and look at the embedded PostgreSQL."""


@server.command()
@_home
@_major
@click.option(
    "--port", type=click.IntRange(0, 65535),
    help="Listen on this TCP port of 127.0.0.1 too; 0 switches TCP off.",
)  # fmt: skip
def start(home: str | None, major: str, port: int | None) -> None:
    """Start the server, install the platform stand-in, and print the address."""
    embedded = EmbeddedServer(resolve(home=home).home, major=int(major), port=port)
    embedded.start()
    engine = database.create_engine(embedded.url())
    with database.connect(engine) as connection:
        platform.install(connection)
    click.echo(embedded.url())


@server.command()
@_home
@_major
def stop(home: str | None, major: str) -> None:
    """Stop the server; the data stays."""
    EmbeddedServer(resolve(home=home).home, major=int(major)).stop()
    click.echo("stopped")


@server.command("status")
@_home
@_major
@_json
def server_status(home: str | None, major: str, as_json: bool) -> None:
    """Say whether the server runs, and where its data is."""
    status = EmbeddedServer(resolve(home=home).home, major=int(major)).status()
    if as_json:
        click.echo(json.dumps(asdict(status), default=str))
    elif status.running:
        click.echo(
            f"running: PostgreSQL {status.major}, process {status.pid}, data in {status.data}"
        )
        click.echo(status.url)
    else:
        click.echo(f"not running: PostgreSQL {status.major}, data in {status.data}")


@server.command("url")
@_home
@_major
@click.option("--database", "name", default="postgres", show_default=True, help="Database.")
@click.option("--tcp", is_flag=True, help="The TCP address, with its password.")
def server_url(home: str | None, major: str, name: str, tcp: bool) -> None:
    """Print the address of the running server."""
    embedded = EmbeddedServer(resolve(home=home).home, major=int(major))
    if not embedded.status().running:
        raise ServerNotRunning(folder=embedded.folder)
    click.echo(embedded.tcp_url(name) if tcp else embedded.url(name))


@main.group("platform")
def platform_group() -> None:
    """Install the stand-in for what Supabase owns."""


@platform_group.command()
@_url
@_home
@click.option("--owner", help="Role that shall own what is new in schema auth.")
def install(url: str | None, home: str | None, owner: str | None) -> None:
    """Install the roles and the schema auth where they are missing."""
    engine = pooler.open_engine(resolve(url=url, home=home))
    with database.connect(engine) as connection:
        try:
            installed = platform.install(connection, owner=owner)
        except exc.DBAPIError as error:
            raise database.explain(error, engine.url) from error
    if installed:
        click.echo(f"installed: {', '.join(installed)}")
    else:
        click.echo("nothing is missing, nothing was done")


@platform_group.command("status")
@_url
@_home
@_json
def platform_status(url: str | None, home: str | None, as_json: bool) -> None:
    """Say which parts of the platform are there."""
    engine = pooler.open_engine(resolve(url=url, home=home))
    with database.connect(engine) as connection:
        lacking = platform.missing(connection, extras=True)
        stand_in = platform.is_stand_in(connection)
        owner = platform.owner_of_auth(connection)
    parts = {part: part not in lacking for part in platform.PARTS | platform.EXTRAS}
    if as_json:
        click.echo(json.dumps({"parts": parts, "auth_owner": owner, "stand_in": stand_in}))
        return
    for part, there in parts.items():
        click.echo(f"{'there  ' if there else 'MISSING'}  {part}")
    if owner is not None:
        kind = "the stand-in" if stand_in else "a platform's own"
        click.echo(f"schema auth is {kind}, owned by {owner}")


@main.command("freeze")
def freeze_verb() -> None:
    """Write rollback.sql and catalog.json of every revision anew, after a change to one."""
    # Only here: it brings Alembic along, and the other verbs shall be quick.
    from mivaa_schema import freeze
    from mivaa_schema.drift.record import record

    changed = [*freeze.write_rollbacks(), *record(EmbeddedServer(resolve().home))]
    for path in changed:
        click.echo(f"written: {path}")
    if not changed:
        click.echo("every rollback.sql and catalog.json is as it should be, nothing was written")


@main.command("demo")
@_home
def demo_verb(home: str | None) -> None:
    """Show on real passages what the schema does: upgrade, search, isolation, refusals.

    Works on the embedded server, in a database of its own that it makes anew each time.
    """
    # Only here: it brings Alembic along, and the other verbs shall be quick.
    from mivaa_schema import demo

    promises = demo.play(EmbeddedServer(resolve(home=home).home), click.echo)
    if not all(promise.kept for promise in promises):
        raise click.exceptions.Exit(1)


@main.command("preflight")
@_url
@_home
@_json
@click.option(
    "--lock-members", is_flag=True,
    help="As for an upgrade with -x lock_members=yes (MIVAA_LOCK_MEMBERS).",
)  # fmt: skip
def preflight_verb(url: str | None, home: str | None, as_json: bool, lock_members: bool) -> None:
    """List what an upgrade would refuse, and what its owner should know; changes nothing.

    Ends with code 1 if the upgrade would be refused.
    """
    # Only here: it brings the models along, and the other verbs shall be quick.
    from mivaa_schema import preflight

    settings = resolve(url=url, home=home, lock_members="yes" if lock_members else None)
    engine = pooler.open_engine(settings)
    with database.connect(engine) as connection:
        # A copy that only follows another server can be looked at as well.
        with contextlib.suppress(ServerReadOnly):
            database.check_server(connection)
        findings = preflight.report(connection, lock_members=settings.lock_members)
    refusals = sum(finding.severity == "refuse" for finding in findings)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            mark = "REFUSED" if finding.severity == "refuse" else "to know"
            click.echo(f"{mark}  {finding.object} is {finding.found}")
            click.echo(f"         expected: {finding.expected}")
            click.echo(f"         {finding.remedy}")
        click.echo(f"{refusals} in the way of the upgrade, {len(findings) - refusals} to know")
    if refusals:
        raise click.exceptions.Exit(1)


@main.command("drift")
@_url
@_home
@_json
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL that repairs it, for psql.")
def drift_verb(url: str | None, home: str | None, as_json: bool, as_sql: bool) -> None:
    """List what the database has otherwise than the revisions made it; changes nothing.

    Ends with code 1 if there is drift.
    """
    from mivaa_schema import drift
    from mivaa_schema.drift.repair import repair_sql

    with database.connect(pooler.open_engine(resolve(url=url, home=home))) as connection:
        differences = drift.find(connection)
        script = repair_sql(connection, differences) if as_sql else ""
    if as_json:
        click.echo(json.dumps([difference.as_json() for difference in differences], indent=2))
    elif as_sql:
        click.echo(script, nl=False)
    else:
        for difference in differences:
            click.echo(difference)
        click.echo(f"{len(differences)} differences", err=True)
    if differences:
        raise click.exceptions.Exit(1)


@main.command("repair")
@click.argument("name", required=False)
@_url
@_home
@_json
@click.option("--apply", "applies", is_flag=True, help="Mend; without it, nothing is changed.")
@click.option(
    "--workspace", type=click.UUID,
    help="Touch only what belongs to this workspace, or goes to it.",
)  # fmt: skip
@click.option(
    "--map", "pairs", multiple=True, metavar="OLD=NEW",
    help="Put a known value in the place of an unknown one; nothing before the sign is null.",
)  # fmt: skip
@click.option(
    "--batch", type=click.IntRange(1, 100_000), default=1000, show_default=True,
    help="Rows that are looked at, and committed, at a time.",
)  # fmt: skip
def repair_verb(
    name: str | None,
    url: str | None,
    home: str | None,
    as_json: bool,
    applies: bool,
    workspace: uuid.UUID | None,
    pairs: tuple[str, ...],
    batch: int,
) -> None:
    """Mend rows that the upgrade found at fault and left as they were.

    Without NAME, lists what there is to mend. With it, says what would be mended; with --apply
    mends it. Killed at any point, the same command goes on where it stopped. For the owner of the
    tables.
    """
    if name is None and (applies or workspace or pairs):
        raise click.UsageError("say which repair: mivaa-schema repair NAME ...")
    if any("=" not in pair for pair in pairs):
        raise click.UsageError("--map is OLD=NEW")
    # Only here: it brings Alembic along, and the other verbs shall be quick.
    from mivaa_schema import repair

    settings = resolve(url=url, home=home)
    chosen = None if name is None else repair.find(name)
    options = repair.Options(
        workspace=workspace, mapping=dict(pair.split("=", 1) for pair in pairs), batch=batch
    )
    engine = pooler.open_engine(settings)
    if chosen is None:
        found = repair.survey(engine)
        if as_json:
            click.echo(json.dumps({name: _as_json(one) for name, one in found.items()}, indent=2))
            return
        for one in repair.REPAIRS:
            there = found[one.name]
            click.echo(f"{one.name}: {repair.summary(there)}{f' ({one.what})' if there else ''}")
        click.echo("nothing was changed; `mivaa-schema repair NAME` says more of one")
    elif not applies:
        findings = repair.survey(engine, [chosen], options)[chosen.name]
        if as_json:
            click.echo(json.dumps({"applied": False, "found": _as_json(findings)}, indent=2))
            return
        click.echo(f"{chosen.name} {chosen.what}")
        _print_findings(findings)
        click.echo(f"nothing was changed; --apply would mend {repair.mendable(findings)}")
    else:
        before, after = repair.apply(engine, chosen, options, settings)
        if as_json:
            done = {"applied": True, "before": _as_json(before), "after": _as_json(after)}
            click.echo(json.dumps(done, indent=2))
            return
        click.echo(f"before: {repair.summary(before)}")
        _print_findings(before)
        click.echo(f"after: {repair.summary(after)}")
        _print_findings(after)


def _as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) for finding in findings]


def _print_findings(findings: Sequence[Finding]) -> None:
    for one in findings:
        count = "unknown" if one.count is None else one.count
        click.echo(f"  {one.object}: {count} {'to mend' if one.reason is None else one.reason}")
