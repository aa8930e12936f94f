"""`mivaa-schema repair`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mivaa_schema.cli.group import home_option, json_option, main, resolve, url_option

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from mivaa_schema.repair import Finding


@main.command("repair")
@click.argument("name", required=False)
@url_option
@home_option
@json_option
@click.option("--apply", "applies", is_flag=True, help="Repair; without it, nothing is changed.")
@click.option(
    "--workspace", type=click.UUID,
    help="Change only what belongs to this workspace, or goes to it.",
)  # fmt: skip
@click.option(
    "--map", "pairs", multiple=True, metavar="OLD=NEW",
    help="Replace an unknown value by a known one; `=NEW` replaces null.",
)  # fmt: skip
@click.option(
    "--batch", type=click.IntRange(1, 100_000), default=1000, show_default=True,
    help="Rows that are read, and committed, at a time.",
)  # fmt: skip
def repair_command(
    name: str | None,
    url: str | None,
    home: str | None,
    as_json: bool,
    applies: bool,
    workspace: uuid.UUID | None,
    pairs: tuple[str, ...],
    batch: int,
) -> None:
    """Repair rows that the upgrade found invalid and left as they were.

    Without NAME, lists what there is to repair. With it, says what would be repaired; with --apply
    repairs it. Killed at any point, the same command continues where it stopped. For the owner of
    the tables.
    """
    if name is None and (applies or workspace or pairs):
        raise click.UsageError("say which repair: mivaa-schema repair NAME ...")
    if any("=" not in pair for pair in pairs):
        raise click.UsageError("--map is OLD=NEW")
    # Imported here because Alembic is slow to import.
    from mivaa_schema import repair, target

    settings = resolve(url=url, home=home)
    chosen = None if name is None else repair.find(name)
    options = repair.Options(
        workspace=workspace, mapping=dict(pair.split("=", 1) for pair in pairs), batch=batch
    )
    engine = target.open_engine(settings)
    if chosen is None:
        found = repair.survey(engine)
        if as_json:
            click.echo(json.dumps({name: _as_json(one) for name, one in found.items()}, indent=2))
            return
        for one in repair.REPAIRS:
            there = found[one.name]
            does = f" ({one.description})" if there else ""
            click.echo(f"{one.name}: {repair.summary(there)}{does}")
        click.echo("nothing was changed; `mivaa-schema repair NAME` says more of one")
    elif not applies:
        findings = repair.survey(engine, [chosen], options)[chosen.name]
        if as_json:
            click.echo(json.dumps({"applied": False, "found": _as_json(findings)}, indent=2))
            return
        click.echo(f"{chosen.name} {chosen.description}")
        _print_findings(findings)
        click.echo(f"nothing was changed; --apply would repair {repair.repairable(findings)}")
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
        click.echo(f"  {one.object}: {count} {'to repair' if one.reason is None else one.reason}")
