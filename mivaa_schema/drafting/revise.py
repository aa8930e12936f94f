"""How ``alembic revision`` numbers, drafts and completes a revision."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.script import write_hooks
from alembic.util import CommandError
from sqlalchemy import exc

from mivaa_schema import drift, history
from mivaa_schema.drafting import compare, current, freeze
from mivaa_schema.drafting.compare import Difference, describe
from mivaa_schema.drafting.draft import Draft
from mivaa_schema.drafting.errors import (
    DraftIncomplete,
    DraftRefused,
    DriftFound,
    SqlFileRefused,
)
from mivaa_schema.migrations import describe as describe_error
from mivaa_schema.models import Base
from mivaa_schema.operations.entities import SqlFile
from mivaa_schema.operations.sql import quote

if TYPE_CHECKING:
    from alembic.operations.ops import MigrationScript
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy.engine import Connection

    from mivaa_schema.history import SchemaObject
    from mivaa_schema.settings import Settings


def options(settings: Settings) -> dict[str, Any]:
    """What env.py tells Alembic, so that it compares and drafts as described here."""
    return {
        "target_metadata": Base.metadata,
        "autogenerate_plugins": [compare.NAME],
        "process_revision_directives": draft_revision,
        "mivaa_allow": settings.allow,
    }


def draft_revision(context: MigrationContext, _: Any, directives: list[MigrationScript]) -> None:
    """Give a new revision the next number, and draft both halves."""
    (directive,) = directives
    revisions = context.opts.get("revision_context")
    if revisions is None or "message" not in revisions.command_args or _is_check(context):
        return
    arguments = revisions.command_args
    found = [op for op in directive.upgrade_ops.ops if isinstance(op, Difference)]  # type: ignore[union-attr]
    if arguments["autogenerate"] and not found:
        revisions.config.print_stdout("Nothing has changed: no revision is written.")
        directives.clear()
        return
    if not arguments["message"]:
        raise CommandError(
            "The revision has no name. Say what it does: alembic revision --autogenerate -m '...'"
        )
    if not arguments["rev_id"]:
        directive.rev_id = f"{int(history.head()) + 1:04d}"
    refuse_dangling(found)
    draft = Draft(str(directive.rev_id), found, context, context.opts["mivaa_allow"])
    if context.connection is not None and found:
        try_out(context.connection, found)
    context.opts["template_args"]["draft"] = draft
    write_hooks.register(compare.NAME)(lambda path, _: complete(Path(path), draft))


def refuse_drift(context: MigrationContext) -> None:
    """Let ``alembic check`` fail where the database is not as the revisions made it.

    Where there is something to draft, Alembic says that first.

    Raises:
        DriftFound: With every difference.
    """
    revisions = context.opts["revision_context"]
    if not _is_check(context) or any(
        ops.ops for ops in revisions.generated_revisions[-1].upgrade_ops_list
    ):
        return
    assert context.connection is not None  # noqa: S101 - a check is online
    context.connection.rollback()
    if found := drift.find(context.connection):
        raise DriftFound(count=len(found), differences="\n  ".join(map(str, found)))


def _is_check(context: MigrationContext) -> bool:
    """Whether this is ``alembic check``, which takes the same way as ``alembic revision``."""
    return "check" in getattr(context._migrations_fn, "__qualname__", "")


def refuse_dangling(found: list[Difference]) -> None:
    """Refuse grants and comments about a function, trigger or policy that has no file.

    Raises:
        SqlFileRefused: With the file and the line.
    """
    gone = [d.either for d in found if not d.after]
    for item in current.objects():
        if item["kind"] not in ("grant", "comment"):
            continue
        from mivaa_schema.drafting.files import is_about, target

        for other in gone:
            if is_about(item, other):
                raise SqlFileRefused(
                    path=f"{item['path']}:{item['line']}",
                    detail=f"it speaks of {target(item)!r}, but the {describe(other)} is gone.",
                )


PROBE = "mivaa_probe"


def try_out(connection: Connection, found: list[Difference]) -> None:
    """Let PostgreSQL look at the new definitions, on temporary objects that are rolled back.

    The tables themselves are not touched: an empty one is made with the columns that the history
    knows. Bodies of functions are looked at only when they run; what names a function that is new
    is not looked at.

    Raises:
        DraftRefused: If it does not accept one.
    """
    columns = history.objects("column")
    is_probed = {"column", "index", "check", "exclusion", "trigger", "policy"}
    lying = [d for d in found if d.kind in is_probed and d.after]
    new = any(d.kind == "function" for d in found)
    with connection.begin_nested() as savepoint:
        _execute(connection, "set local check_function_bodies = off", "select '[1]'::vector")
        for table in dict.fromkeys(d.table for d in lying):
            known = ", ".join(c["definition"] for c in columns if c["table"] == table)
            _execute(connection, f"create temporary table {PROBE} ({known})")
            for kind in ("column", "index", "check", "exclusion", "trigger", "policy"):
                for change in (d for d in lying if d.kind == kind and d.table == table):
                    if not (new and kind in ("trigger", "policy")):
                        _try(connection, change, _trial(change))
            _execute(connection, f"drop table {PROBE}")
        for change in (d for d in found if d.kind == "function" and d.after):
            file = SqlFile(change.either["path"])
            name = file.qualified_name.partition(".")[2]
            local = file.statement.replace(file.qualified_name, f"pg_temp.{name}", 1)
            _try(connection, change, (local,))
        savepoint.rollback()


def _try(connection: Connection, change: Difference, statements: tuple[str, ...]) -> None:
    try:
        _execute(connection, *statements)
    except exc.DBAPIError as error:
        item = change.either
        shown = str(item["path"]) if "path" in item else describe(item)
        raise DraftRefused(item=shown, detail=describe_error(error)) from error


def _trial(change: Difference) -> tuple[str, ...]:
    item, before = change.either, change.before
    name = quote(item["name"])
    if change.kind == "column" and before is None:
        return (f"alter table {PROBE} add column {item['definition']}",)
    if change.kind == "column":
        drop = f"alter table {PROBE} alter column {name} drop default"
        change_type = f"alter table {PROBE} alter column {name} type {item['type']}"
        return (drop, f"{change_type} using {name}::{item['type']}")
    if change.kind == "index":
        kind = "unique index" if item["unique"] else "index"
        index = f"{PROBE}_index"
        return (
            f"create {kind} {index} on {PROBE} {item['definition']}",
            f"drop index pg_temp.{index}",
        )
    if change.kind in ("check", "exclusion"):
        condition = f"check ({item['condition']})" if "condition" in item else item["definition"]
        return (f"alter table {PROBE} add constraint {name} {condition}",)
    file = SqlFile(item["path"])
    return (file.statement.replace(f" on {file.table}", f" on {PROBE}", 1),)


def _execute(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def complete(path: Path, draft: Draft) -> None:
    """Lay the frozen files beside a revision that has been written, and format it.

    Raises:
        DraftIncomplete: If the revision does not say what the models and SQL files say; it is
            removed again.
    """
    folder = path.with_suffix("")
    folder.mkdir(exist_ok=True)
    for source in draft.copied:
        (folder / source.parent.name).mkdir(exist_ok=True)
        shutil.copyfile(source, folder / source.parent.name / source.name)
    for name, statements in draft.lists.items():
        text = "".join(f"{statement};\n" for statement in statements)
        (folder / name).write_text(text, encoding="utf-8")
    if importlib.util.find_spec("ruff"):
        for verb in (["check", "--fix", "--quiet"], ["format", "--quiet"]):
            ruff = [sys.executable, "-m", "ruff", *verb, str(path)]
            subprocess.run(ruff, check=False)  # noqa: S603 - our own arguments
    try:
        (folder / history.MANIFEST).write_text(freeze.manifest(draft.revision), encoding="utf-8")
        history.manifest.cache_clear()
        (folder / history.ROLLBACK).write_text(
            freeze.rollback_sql(draft.revision), encoding="utf-8"
        )
        lacking = incomplete(draft, json.loads((folder / history.MANIFEST).read_text("utf-8")))
        if lacking:
            raise DraftIncomplete(items=", ".join(lacking))
    except BaseException:
        path.unlink()
        shutil.rmtree(folder)
        raise


def incomplete(draft: Draft, manifest: dict[str, list[SchemaObject]]) -> list[str]:
    """Objects of a draft that its manifest has otherwise than they should be."""
    if not draft.found:
        return []
    remaining = compare.undrafted()
    return sorted(
        f"{describe(d.either)} ({_differing(d.before or {}, d.after or {})})"
        for d in remaining.values()
    )


def _differing(before: SchemaObject, after: SchemaObject) -> str:
    names = sorted({n for n in {*before, *after} if before.get(n) != after.get(n)})
    return ", ".join(f"{n}: {before.get(n)!r}, not {after.get(n)!r}" for n in names[:3])
