"""Frozen files of a revision that are generated: its manifest, and the SQL of its downgrade."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from mivaa_schema import history
from mivaa_schema.drafting.compare import content, describe
from mivaa_schema.drafting.errors import FrozenFileMissing, OtherRestored
from mivaa_schema.drafting.sql_files import file_of, subject
from mivaa_schema.migrations import PRIVATE_SCHEMA, VERSION_TABLE, alembic_config
from mivaa_schema.operations.entities import LISTS

if TYPE_CHECKING:
    from alembic.config import Config

    from mivaa_schema.operations import Operation


def write(config: Config | None = None) -> list[Path]:
    """Write manifest and ``rollback.sql`` of every revision anew; return those that have changed.

    Args:
        config: Alembic's configuration; this project's own without it.

    Raises:
        BranchedHistory: If the history is not one straight line.
        FrozenFileMissing: If a revision creates something from a file of another folder.
        OtherRestored: If a downgrade restores another definition than the one before the revision.
    """
    script = ScriptDirectory.from_config(config or alembic_config())
    history.refuse_branches(Path(script.dir) / "versions")
    changed = []
    for revision in reversed(list(script.walk_revisions())):
        folder = Path(revision.path).with_suffix("")
        folder.mkdir(exist_ok=True)
        # The downgrade reads the manifest, so that comes first.
        for name, render in ((history.MANIFEST, manifest), (history.ROLLBACK, rollback_sql)):
            path, text = folder / name, render(revision.revision, script)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
                history.manifest.cache_clear()
                changed.append(path)
        for item in history.manifest(folder)["creates"]:
            if not (folder / item.get("file", "")).exists():
                raise FrozenFileMissing(
                    revision=revision.revision, item=describe(item), file=folder / item["file"]
                )
        _refuse_other_restored(revision.revision, script)
    return changed


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep Alembic from saying that it runs what is only rendered."""
    log = logging.getLogger("alembic.runtime.migration")
    was, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = was


@_silent()
def manifest(revision: str, script: ScriptDirectory | None = None) -> str:
    """What a revision creates and drops, as JSON, an object a line; its operations declare it."""
    script = script or ScriptDirectory.from_config(alembic_config())
    declared = _declared(script.get_revision(revision).module.upgrade)
    creates: dict[history.Key, history.SchemaObject] = {}
    drops: dict[history.Key, history.SchemaObject] = {}
    before = {history.key(item): item for item in _listed_before(revision, script)}
    for operation in declared:
        gone = {history.key(item) for item in operation.drops}
        # PostgreSQL drops the grants and comments of an object with it.
        lost = (o for o in {**before, **creates}.values() if _is_about(o, gone))
        for item in (*operation.drops, *lost):
            creates.pop(history.key(item), None)
            bare: history.SchemaObject = {
                name: item[name] for name in ("kind", "table", "name") if name in item
            }
            drops[history.key(item)] = bare
        for item in operation.creates:
            drops.pop(history.key(item), None)
            creates[history.key(item)] = item
    return f'{{\n  "creates": {_lines(creates)},\n  "drops": {_lines(drops)}\n}}\n'


def _declared(run: Callable[[], None]) -> list[Operation]:
    """The operations of one half of a revision."""
    declared: list[Operation] = []
    options = {"as_sql": True, "output_buffer": io.StringIO(), "mivaa_manifest": declared}
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)
    with Operations.context(context):
        run()
    return declared


@_silent()
def _refuse_other_restored(revision: str, script: ScriptDirectory) -> None:
    found = script.get_revision(revision)
    if not found.down_revision:
        return
    objects = history.objects(through=str(found.down_revision))
    before = {history.key(item): item for item in objects}
    restored = {
        history.key(item): (item, operation)
        for operation in _declared(found.module.downgrade)
        for item in operation.creates
    }
    for key, (item, operation) in restored.items():
        if item["kind"] in LISTS.values() or (former := before.get(key)) is None:
            continue
        if "file" in item:
            text = file_of(former).statement.removeprefix("create ")
            same = any(text in statement for statement in operation.statements)
        else:
            same = content(item) == content(former)
        if not same:
            raise OtherRestored(
                revision=revision, item=describe(item), defined_in=former["defined_in"]
            )


def _listed_before(revision: str, script: ScriptDirectory) -> list[history.SchemaObject]:
    """The grants and comments that the revisions before it have made."""
    previous = script.get_revision(revision).down_revision
    return history.objects(*LISTS.values(), through=str(previous)) if previous else []


def _is_about(item: history.SchemaObject, dropped: set[history.Key]) -> bool:
    return item["kind"] in LISTS.values() and subject(item) in dropped


def _lines(items: dict[history.Key, history.SchemaObject]) -> str:
    lines = ",\n".join(f"    {json.dumps(item, ensure_ascii=False)}" for item in items.values())
    return f"[\n{lines}\n  ]" if lines else "[]"


@_silent()
def rollback_sql(revision: str, script: ScriptDirectory | None = None) -> str:
    """What Alembic renders for the downgrade of one revision, without transaction commands."""
    script = script or ScriptDirectory.from_config(alembic_config())
    previous = script.get_revision(revision).down_revision or "base"

    def downgrade(revisions: Any, _: MigrationContext) -> Any:
        return script._downgrade_revs(str(previous), revisions)

    buffer = io.StringIO()
    options = {
        "as_sql": True,
        "output_buffer": buffer,
        "starting_rev": revision,
        "fn": downgrade,
        "script": script,
        "transactional_ddl": False,
        "version_table": VERSION_TABLE,
        "version_table_schema": PRIVATE_SCHEMA,
    }
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)
    with Operations.context(context):
        context.run_migrations()
    return buffer.getvalue().strip() + "\n"
