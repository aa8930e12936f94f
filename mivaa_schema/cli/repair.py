"""`mivaa-schema repair`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mivaa_schema.cli.group import database_options, json_option, main, name_database, show
from mivaa_schema.settings import Settings

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from mivaa_schema.repair import Finding


def _complete(_: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The repairs that a shell offers for a word."""
    # Imported here because SQLAlchemy is slow to import.
    from mivaa_schema import repair

    return [one.name for one in repair.REPAIRS if one.name.startswith(incomplete)]


@main.command()
@click.argument("name", required=False, shell_complete=_complete)
@database_options
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
def repair(
    settings: Settings,
    name: str | None,
    as_json: bool,
    applies: bool,
    workspace: uuid.UUID | None,
    pairs: tuple[str, ...],
    batch: int,
) -> None:
    """Repair rows and grants that are not as the schema wants them.

    Without NAME, lists what there is to repair. With NAME, says what would be repaired; with
    --apply, repairs it. If it is interrupted at any point, the same command continues where it
    stopped. For the owner of the tables. Ends with code 1 if something that could be repaired is
    left.
    """
    if name is None and (applies or workspace or pairs):
        raise click.UsageError("say which repair: mivaa-schema repair NAME ...")
    if any("=" not in pair for pair in pairs):
        raise click.UsageError("--map is OLD=NEW")
    # Imported here because Alembic is slow to import.
    from mivaa_schema import database, repair

    one = None if name is None else repair.find(name)
    # An unknown value may hold the sign itself; a known one never does.
    mapping = {old: new for old, _, new in (pair.rpartition("=") for pair in pairs)}
    options = repair.Options(workspace=workspace, mapping=mapping, batch=batch)
    engine = database.open_engine(settings, pooled=False)
    printed: dict[str, Any]
    if one is None:
        found = repair.survey(engine)
        printed = {name: _as_json(findings) for name, findings in found.items()}
        lines = [
            f"{each.name}: {repair.summary(found[each.name])}"
            + (f" ({each.description})" if found[each.name] else "")
            for each in repair.REPAIRS
        ]
        lines.append("nothing was changed; `mivaa-schema repair NAME` shows one in detail")
    elif not applies:
        findings = repair.survey(engine, [one], options)[one.name]
        printed = {"applied": False, "found": _as_json(findings)}
        end = f"nothing was changed; --apply would repair {repair.repairable(findings)}"
        lines = [f"{one.name} {one.description}", *_lines(findings), end]
    else:
        name_database(engine)
        before, after = repair.apply(engine, one, options, settings)
        printed = {"applied": True, "before": _as_json(before), "after": _as_json(after)}
        lines = [f"before: {repair.summary(before)}", *_lines(before)]
        lines += [f"after: {repair.summary(after)}", *_lines(after)]
    show(as_json, printed, lines)
    if one is not None and applies and repair.repairable(after):
        raise click.exceptions.Exit(1)


def _as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) for finding in findings]


def _lines(findings: Sequence[Finding]) -> list[str]:
    return [
        f"  {one.object}: {'unknown' if one.count is None else one.count}"
        f" {'to repair' if one.reason is None else one.reason}"
        for one in findings
    ]
