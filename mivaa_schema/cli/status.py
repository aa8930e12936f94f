"""`mivaa-schema status`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mivaa_schema.cli.group import count, database_options, json_option, main, show
from mivaa_schema.settings import Settings

if TYPE_CHECKING:
    from mivaa_schema.status import Status


@main.command()
@database_options
@json_option
def status(settings: Settings, as_json: bool) -> None:
    """Show revision, phases, embeddings, integrity, drift and sizes in one view.

    Reads the tables once, and changes nothing.
    """
    # Imported here because SQLAlchemy is slow to import.
    from mivaa_schema import database
    from mivaa_schema.status import read

    engine = database.open_engine(settings, pooled=False)
    with database.connect(engine) as connection:
        found = read(connection)
    place = database.place(engine)
    show(as_json, {"place": place, **asdict(found)}, _lines(found, place))


def _lines(found: Status, place: str) -> Iterator[str]:
    yield f"database     {found.database} on {place}, PostgreSQL {found.server}"
    if found.revision is None:
        yield "revision     none; `alembic upgrade head` brings the schema"
        return
    last = "the last one" if found.revision == found.head else f"the last one is {found.head}"
    yield f"revision     {found.revision}, {last}"
    if found.interrupted:
        complete = f"`alembic upgrade {found.interrupted}` completes it"
        yield f"interrupted  {found.interrupted}: {complete}"
    yield from _part(found, "phases", [
        f"{phase['phase']}: {phase['status']}"
        + (f" {phase['completed_at']:%Y-%m-%d %H:%M}" if phase["completed_at"] else "")
        for phase in found.phases or []
    ])  # fmt: skip
    yield from _part(found, "embeddings", [
        f"{each['table_name']}: {each['migrated_records']} of {each['total_records']} migrated,"
        f" {each['pending_records']} pending, {each['failed_records']} failed,"
        f" {each['skipped_records']} skipped"
        for each in found.embeddings or []
    ])  # fmt: skip
    faults = [f"{each['status']} {each['check_name']}: {each['details']}"
              for each in found.integrity or []]  # fmt: skip
    yield from _part(found, "integrity", faults or ["every check passes"])
    differs = f"{count(found.drift or 0, 'difference')}; `mivaa-schema drift` lists them"
    yield from _part(found, "drift", [differs if found.drift else "none"])
    yield from _part(found, "sizes", [
        f"{each['table']}: {_size(each['bytes'])}, indexes {_size(each['index_bytes'])},"
        f" {_rows(each['rows'])}"
        for each in found.sizes or []
    ])  # fmt: skip


def _rows(count: int | None) -> str:
    return "rows not counted yet" if count is None else f"about {count} rows"


def _part(found: Status, name: str, lines: list[str]) -> Iterator[str]:
    """The lines of a part, the first one behind its name."""
    if name in found.unread:
        lines = [f"not read: {found.unread[name]}"]
    for line in lines:
        yield f"{name:11}  {line}"
        name = ""


def _size(number: Any) -> str:
    """A number of bytes as people read it: ``1.2 MB``."""
    size, unit = float(number), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.1f}".removesuffix(".0") + f" {unit}"
