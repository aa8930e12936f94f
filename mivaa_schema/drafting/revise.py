"""How ``alembic revision`` numbers, drafts and completes a revision."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.script import write_hooks
from alembic.util import CommandError

from mivaa_schema import drift, history
from mivaa_schema.drafting import compare, freeze
from mivaa_schema.drafting.compare import Difference, describe
from mivaa_schema.drafting.draft import Draft
from mivaa_schema.drafting.errors import DraftIncomplete, DriftFound
from mivaa_schema.drafting.sql_files import refuse_dangling
from mivaa_schema.drafting.trial import try_out
from mivaa_schema.errors import Lines, MivaaError
from mivaa_schema.models import Base

if TYPE_CHECKING:
    from alembic.operations.ops import MigrationScript
    from alembic.runtime.migration import MigrationContext

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
    following = f"{int(history.head()) + 1:04d}"
    given = {"rev-id": arguments["rev_id"] not in (None, following)}
    given |= {"head": arguments["head"] not in (None, "head", history.head())}
    given |= {"splice": arguments["splice"], "branch-label": arguments["branch_label"]}
    if refused := [f"--{name}" for name, is_given in given.items() if is_given]:
        raise CommandError(
            f"{', '.join(refused)} cannot be used: revisions are numbered in one straight line, and"
            f" the next one is {following}. Nothing was written."
        )
    directive.rev_id = following
    if found:
        refuse_dangling()
    draft = Draft(str(directive.rev_id), found, context, context.opts["mivaa_allow"])
    if context.connection is not None and found:
        try_out(context.connection, draft.found)
    title = arguments["message"].replace("\\", "\\\\").replace('"', "'").rstrip(".")
    context.opts["template_args"] |= {"draft": draft, "title": title[:1].upper() + title[1:]}

    def hook(path: str, _: Any) -> None:
        try:
            complete(Path(path), draft)
        except MivaaError as error:
            # Hooks run outside of env.py.
            raise CommandError(str(error)) from error

    write_hooks.register(compare.NAME)(hook)


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
        raise DriftFound(count=len(found), differences=Lines.of(found))


def _is_check(context: MigrationContext) -> bool:
    """Whether this is ``alembic check``, which takes the same way as ``alembic revision``."""
    return "check" in getattr(context._migrations_fn, "__qualname__", "")


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
        for command in (["format"], ["check", "--fix", "--ignore", "E501"], ["format"]):
            ruff = [sys.executable, "-m", "ruff", *command, "--quiet", str(path)]
            subprocess.run(ruff, check=False)  # noqa: S603 - our own arguments
    try:
        (folder / history.MANIFEST).write_text(freeze.manifest(draft.revision), encoding="utf-8")
        history.manifest.cache_clear()
        (folder / history.ROLLBACK).write_text(
            freeze.rollback_sql(draft.revision), encoding="utf-8"
        )
        if draft.found and (lacking := [_differing(d) for d in compare.undrafted().values()]):
            raise DraftIncomplete(items=", ".join(sorted(lacking)))
    except BaseException:
        path.unlink()
        shutil.rmtree(folder)
        raise


def _differing(change: Difference) -> str:
    before, after = change.before or {}, change.after or {}
    names = [n for n in {**before, **after} if before.get(n) != after.get(n)]
    said = ", ".join(f"{n}: {before.get(n)!r}, not {after.get(n)!r}" for n in sorted(names)[:3])
    return f"{describe(change.either)} ({said})"
