"""Runs an Alembic command on a database: checks first, one upgrader, each revision by itself."""

from __future__ import annotations

import contextlib
import inspect
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import exc, text

from mivaa_schema import database, history, migrations, platform, preflight
from mivaa_schema.errors import MivaaError, printable
from mivaa_schema.migrations import waits
from mivaa_schema.operations.batch import REVISION
from mivaa_schema.operations.sql import MIGRATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.runtime.migration import MigrationContext, MigrationInfo
    from alembic.script import Script, ScriptDirectory
    from sqlalchemy.engine import Connection

    from mivaa_schema.settings import Settings

COMPARISON = "retrieve_migrations"
"""What Alembic calls its work in ``check`` and ``revision``."""

_HISTORY = "_display_current_history"

READING = frozenset({COMPARISON, "display_version", "show_current", "edit_current", _HISTORY})
"""Functions of Alembic's commands that change nothing; any other is taken to change something."""

_MERGE = "nothing"
"""What Alembic calls its work in ``merge``."""

STOPPED = "Stopped. Revisions that were completed stay; the same command continues behind them."

OPTIONS: dict[str, Any] = {
    "version_table": migrations.VERSION_TABLE,
    "version_table_schema": migrations.PRIVATE_SCHEMA,
    "transaction_per_migration": True,
}

_log = logging.getLogger("alembic.runtime.migration")


class MergeRefused(MivaaError):
    """Revisions are not merged here: the history is one straight line, numbered. To put a revision
    after the others, run
      mivaa-schema renumber FILE
    """


class BadTarget(MivaaError):
    """The target `{target}` names no revision; expected was a number such as 0006, `head`, `base`,
    or a number of steps such as +1 or -1. Nothing was changed.
    """


class NotAtHead(MivaaError):
    """Target database is not up to date: it has {found}, and the last revision is `{head}`. What is
    not applied cannot be compared. Run `alembic upgrade head` first; or, if the last file is a
    draft that is to be made anew, delete it with its folder.
    """


class StampRefused(MivaaError):
    """`alembic stamp {wanted}` would record a revision and change nothing of the schema, which is
    at `{recorded}`; later commands would then fail or lose objects. Run `alembic upgrade` (it keeps
    tables that are there already) or `alembic downgrade` instead. Nothing was changed.
    """


def command() -> str:
    """The name of the function with which Alembic has called env.py, such as ``upgrade``.

    It is known to a context only once that is configured, so one is configured that needs no
    database; the real one replaces it.
    """
    _log.disabled = True
    try:
        context.configure(dialect_name="postgresql")
    finally:
        _log.disabled = False
    return str(getattr(context.get_context().opts.get("fn"), "__name__", ""))


def check_history(script: ScriptDirectory, name: str) -> None:
    """Refuse files that are not one straight line.

    Raises:
        BranchedHistory: Two files have the same number, or there is more than one head.
        MergeRefused: The command would merge revisions.
    """
    history.refuse_branches(Path(script.dir) / "versions")
    if name == _MERGE:
        raise MergeRefused
    for target in targets():
        # Alembic takes `nonsense@base` for `base`, and nothing here has a label.
        if "@" in target or not target.strip():
            raise BadTarget(target=target)


def targets() -> tuple[str, ...]:
    """The revisions that the command names."""
    given = context.get_context().opts.get("destination_rev")
    return (given,) if isinstance(given, str) else tuple(map(str, given or ()))


def needs_no_database(name: str) -> bool:
    """Whether a command only reads or writes files."""
    options = context.get_context().opts
    if name == COMPARISON:
        revision = options.get("revision_context")
        return revision is not None and not revision.command_args["autogenerate"]
    if name != _HISTORY:
        return False
    # Alembic keeps these arguments in the functions that it hands over, however it was called.
    given = inspect.getclosurevars(options["fn"]).nonlocals
    inner = inspect.getclosurevars(given["_display_history"]).nonlocals
    return "current" not in (given["base"], given["head"]) and not inner["indicate_current"]


def run(connection: Connection, settings: Settings, name: str) -> None:
    """Carry out the command ``name`` for which the context is configured, on its connection.

    Raises:
        MivaaError: It is refused, or has failed.
    """
    script = context.script
    if name not in READING:
        _change(connection, settings, name, script)
        return
    if name == COMPARISON:
        migrations.refuse_interrupted(migrations.check_revisions(connection, script))
        # What is not applied cannot be compared.
        recorded = migrations.recorded_revisions(connection)
        if recorded != script.get_heads():
            found = ", ".join(recorded) or "no revision"
            raise NotAtHead(found=found, head=script.get_current_head())
        migrations.prepare_session(connection, migrations.timeouts(settings))
    else:
        _warn_of_interrupted(connection, script)
    context.run_migrations()


def _warn_of_interrupted(connection: Connection, script: ScriptDirectory) -> None:
    """Tell what only looks of an interrupted revision, in the log."""
    try:
        migrations.refuse_interrupted(migrations.check_revisions(connection, script))
    except (migrations.RevisionInterrupted, migrations.InterruptedFileMissing) as error:
        _log.warning("%s", error)


def _change(connection: Connection, settings: Settings, name: str, script: ScriptDirectory) -> None:
    """Check first, change then; each revision in a transaction of its own."""
    for statement in migrations.NO_TIME_LIMITS:
        connection.exec_driver_sql(statement)
    asked = connection.exec_driver_sql("select current_database(), current_user")
    database_name, user = asked.one()
    place = database.place(connection.engine)
    _log.info("Database %s on %s, as %s", *map(printable, (database_name, place, user)))
    process = waits.backend_pid(connection)
    connection.commit()
    with waits.upgrade_lock(connection, settings.upgrade_wait):
        platform.check_server(connection)
        interrupted = migrations.check_revisions(connection, script)
        if name == "do_stamp":
            _refuse_stamp(connection, interrupted)
        if name not in ("upgrade", "downgrade"):
            migrations.refuse_interrupted(interrupted)
        if interrupted is not None:
            if name == "downgrade" and interrupted.revision in targets():
                # It would be recorded, and nothing of it would be downgraded.
                migrations.refuse_interrupted(interrupted)
            _log.info("Revision %s is interrupted; this run begins with it", interrupted.revision)
            migrations.set_recorded_revision(connection, interrupted, before=name == "upgrade")
        connection.commit()
        if name == "upgrade":
            preflight.refuse_what_cannot_be_adopted(connection, lock_members=settings.lock_members)
        if name == "downgrade":
            _confirm_losses(connection)
        migrations.prepare_session(connection, migrations.timeouts(settings))
        engine = connection.engine
        with _records(connection, script, name), waits.progress(engine, process):
            waits.run_with_retries(
                engine,
                process,
                context.run_migrations,
                lambda: _failed_revision(connection, script, name),
                settings.lock_retries,
            )


def _confirm_losses(connection: Connection) -> None:
    """Say what the downgrade drops; ask, if whoever has called Alembic handed over a question.

    Raises:
        UsedByOthers: It would stop half-way, since others use what it drops.
        DowngradeDeclined: The answer was no.
    """
    # Imported here because an upgrade does without it.
    from mivaa_schema.migrations.losses import DowngradeDeclined, losses, refuse_used_by_others

    migration = context.get_context()
    recorded = tuple(migrations.recorded_revisions(connection))
    steps = migration.opts["fn"](recorded, migration)
    revisions = [step.revision.revision for step in steps]
    refuse_used_by_others(connection, revisions)
    found = losses(connection, revisions)
    connection.commit()
    confirm = context.config.attributes.get("confirm")
    if found and confirm is not None:
        if not confirm(found):
            raise DowngradeDeclined
    elif found:
        _log.warning("This downgrade drops %s", "; ".join(found))


def _refuse_stamp(connection: Connection, interrupted: Script | None) -> None:
    """Refuse to record a revision that is not recorded already.

    Raises:
        StampRefused: The schema is not there, or only interrupted there.
    """
    recorded = migrations.recorded_revisions(connection)
    opts = context.get_context().opts
    targets = tuple(str(target) for target in opts.get("destination_rev") or ())
    try:
        wanted = [context.script.as_revision_number(target) for target in targets]
    except CommandError:
        wanted = list(targets)
    if [target for target in wanted if target] != recorded or interrupted or opts.get("purge"):
        raise StampRefused(wanted=" ".join(targets), recorded=", ".join(recorded) or "base")


def end_interruption(
    *, ctx: MigrationContext, step: MigrationInfo, heads: Any, run_args: Any
) -> None:
    """Delete the mark of an interrupted revision in the transaction that ends it, up or down.

    Alembic calls this in each revision's transaction (``on_version_apply``). The downgrade of the
    first revision has dropped the ledger.
    """
    assert ctx.connection is not None  # noqa: S101 - Alembic's own invariant online
    if ctx.connection.execute(text("select to_regclass('mivaa.ledger')")).scalar() is not None:
        delete = text("delete from mivaa.ledger where kind = :kind and object_name = :revision")
        ctx.connection.execute(delete, {"kind": REVISION, "revision": step.up_revision_id})


def _failed_revision(connection: Connection, script: ScriptDirectory, name: str) -> tuple[str, str]:
    """The revision in which a statement failed, and in which state that has left it."""
    try:
        connection.rollback()
        recorded = migrations.recorded_revisions(connection)
        interrupted = migrations.interrupted_revision(connection)
        connection.rollback()
    except exc.SQLAlchemyError:
        return _CURRENT, "either unchanged or interrupted, since the server does not answer"
    current = recorded[0] if recorded else None
    following = next((r for r in script.walk_revisions() if r.down_revision == current), None)
    if interrupted is not None:
        revert = "-1" if interrupted == current else current or "base"
        return interrupted, (
            f"interrupted (`alembic upgrade {interrupted}` completes it, `alembic downgrade"
            f" {revert}` reverts what is there)"
        )
    failed = following.revision if name == "upgrade" and following else current
    return failed or "base", "unchanged"


class _Warnings(logging.Handler):
    """Passes on what the server warned of; SQLAlchemy logs it where nobody looks."""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message.startswith("WARNING:"):
            _log.warning("%s", printable(" ".join(message.removeprefix("WARNING:").split())))


def _report_warnings() -> None:
    """Show the server's warnings: bad rows do not stop an upgrade, but must not go unseen."""
    notices = logging.getLogger("sqlalchemy.dialects.postgresql")
    if not any(isinstance(handler, _Warnings) for handler in notices.handlers):
        notices.addHandler(_Warnings())
        notices.setLevel(logging.INFO)
        notices.propagate = False


@contextlib.contextmanager
def _records(connection: Connection, script: ScriptDirectory, name: str) -> Iterator[None]:
    """Keep the records of a run: make their schema first, record a failure, clean up at last.

    Where no revision is left, nothing is left. A connection that broke in the middle breaks
    nothing here: the next run of the same command cleans up.
    """
    _report_warnings()
    for statement in migrations.MAKE_PRIVATE_SCHEMA:
        connection.exec_driver_sql(statement)
    connection.commit()
    try:
        yield
    except (Exception, KeyboardInterrupt) as failure:
        with contextlib.suppress(exc.SQLAlchemyError):
            connection.rollback()
            if name == "upgrade" and isinstance(failure, waits.RevisionFailed):
                _record_failure(connection, script, failure)
            _clean_up(connection)
        raise
    _clean_up(connection)
    _warn_of_interrupted(connection, script)
    connection.commit()


def _clean_up(connection: Connection) -> None:
    if not migrations.recorded_revisions(connection):
        for statement in migrations.DROP_PRIVATE_SCHEMA:
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql(migrations.NOTIFY_API)
    connection.commit()


def _record_failure(connection: Connection, script: ScriptDirectory, failure: MivaaError) -> None:
    """Record the failed phase, in a transaction of its own: the revision's is rolled back."""
    name = failure.fields["revision"]
    revision = script.get_revision(name) if name != _CURRENT else None
    phase = getattr(revision.module, "PHASE", None) if revision else None
    tracking = connection.execute(text("select to_regclass('public.migration_tracking')")).scalar()
    if phase is not None and tracking is not None:
        values = {"migration": MIGRATION, "phase": phase, "message": failure.fields["detail"]}
        connection.execute(text(_RECORD_FAILURE), values)
        connection.commit()


_CURRENT = "(unknown)"

_RECORD_FAILURE = """
insert into public.migration_tracking (migration_name, phase, status, error_message)
values (:migration, :phase, 'failed', :message)
on conflict (migration_name, phase) do update set
  status = 'failed', completed_at = null, error_message = excluded.error_message
"""
