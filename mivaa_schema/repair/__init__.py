"""Repairs of what the upgrade found and left as it was; a survey comes before any change.

The upgrade never changes a value that was there, so that a downgrade restores what was. What it
reports is repaired here, when the owner of the tables says so. A later downgrade reverts the schema
as before; the rows stay repaired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from mivaa_schema.errors import Lines
from mivaa_schema.repair.access import Access
from mivaa_schema.repair.base import Finding, Options, Repair, read
from mivaa_schema.repair.constraints import Constraints
from mivaa_schema.repair.errors import (
    MapRefused,
    NothingRepairable,
    RepairOptionRefused,
    UnknownRepair,
    UnknownWorkspace,
)
from mivaa_schema.repair.session import read_session, write_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection, Engine

    from mivaa_schema.settings import Settings

__all__ = ["REPAIRS", "Finding", "Options", "Repair", "apply", "find", "repairable", "summary"]
__all__ += ["survey"]

_OF_ROWS = (
    "unknown-workspaces",
    "dangling-extractions",
    "missing-workspace",
    "chunk-workspace",
    "extraction-workspace",
    "orphaned-chunks",
    "unknown-users",
    "unknown-members",
    # Separate: who maps a status of documents must not make anybody an active member.
    "unknown-statuses",
    "unknown-roles",
    "unknown-member-statuses",
    "zero-vectors",
    "untrue-completions",
)
REPAIRS: Sequence[Repair] = (Access(), *map(read, _OF_ROWS), Constraints())
"""All repairs, in the order in which they are best run: some need what an earlier one repairs."""


def find(name: str) -> Repair:
    """The repair of a name.

    Raises:
        UnknownRepair: There is none.
    """
    for repair in REPAIRS:
        if repair.name == name:
            return repair
    raise UnknownRepair(name=name, known=", ".join(repair.name for repair in REPAIRS))


def survey(
    engine: Engine, repairs: Sequence[Repair] = REPAIRS, options: Options | None = None
) -> dict[str, list[Finding]]:
    """What each repair finds; nothing is changed.

    Raises:
        MivaaError: The role is not the owner, the database is not at the last revision, or an
            option makes no sense.
    """
    options = options or Options()
    looks_at_rows = any(repair.looks_at_rows for repair in repairs)
    with read_session(engine, looks_at_rows=looks_at_rows) as connection:
        for repair in repairs:
            _check(connection, repair, options)
        found = {repair.name: repair.survey(connection, options) for repair in repairs}
        connection.rollback()
    return found


def apply(
    engine: Engine, repair: Repair, options: Options, settings: Settings
) -> tuple[list[Finding], list[Finding]]:
    """Repair what can be repaired, batch by batch.

    Interrupted at any point, what is committed stays, and the same call continues from there.

    Returns:
        What was found before and after.

    Raises:
        NothingRepairable: Something is invalid, and nothing of it can be repaired yet.
        MivaaError: As :func:`survey`; or the database refused a change, or a lock could not be
            acquired.
    """
    rows = repair.looks_at_rows
    with write_session(engine, settings, repair.name, looks_at_rows=rows) as session:
        _check(session.connection, repair, options)
        before = repair.survey(session.connection, options)
        session.connection.rollback()
        if before and not repairable(before):
            reasons = Lines.of(
                f"{'an unknown number' if one.count is None else one.count} in {one.object}:"
                f" {one.reason}"
                for one in before
            )
            raise NothingRepairable(name=repair.name, reasons=reasons)
        if before:
            repair.apply(session, options)
        after = repair.survey(session.connection, options)
        session.connection.rollback()
    return before, after


def repairable(findings: Sequence[Finding]) -> int:
    """How many rows and constraints can be repaired as things are."""
    return sum(one.count or 0 for one in findings if one.reason is None)


def summary(findings: Sequence[Finding]) -> str:
    """The findings in a few words."""
    if not findings:
        return "nothing to repair"
    waiting = sum(one.count or 0 for one in findings if one.reason is not None)
    words = [f"{repairable(findings)} to repair"]
    if waiting:
        words.append(f"{waiting} that wait for something else")
    if any(one.count is None for one in findings):
        words.append("an unknown number that you cannot see")
    return ", ".join(words)


def _check(connection: Connection, repair: Repair, options: Options) -> None:
    """Refuse options that make no sense."""
    if options.workspace is not None and not repair.rows:
        raise RepairOptionRefused(name=repair.name, option="workspace")
    if options.mapping and not repair.known:
        raise RepairOptionRefused(name=repair.name, option="map")
    for old, new in options.mapping.items():
        if not any(new in values and old not in values for values in repair.known.values()):
            known = (f"{column} knows {', '.join(v)}" for column, v in repair.known.items())
            raise MapRefused(pair=f"{old}={new}", repair=repair.name, columns="; ".join(known))
    if options.workspace is not None and not repair.may_create_workspace:
        sql = text("select exists (select from public.workspaces where id = cast(:id as uuid))")
        if not connection.execute(sql, {"id": str(options.workspace)}).scalar_one():
            raise UnknownWorkspace(workspace=options.workspace)
