"""Running the chain: one upgrader at a time, short waits for locks, and a place for its records."""

from __future__ import annotations

import contextlib
import functools
import logging
import random
import time
from typing import TYPE_CHECKING, Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import exc, text

from mivaa_schema.errors import (
    LockNotAvailable,
    MivaaError,
    RevisionFailed,
    UnknownHead,
    UpgradeRunning,
)
from mivaa_schema.history import history_folder
from mivaa_schema.operations.batch import REVISION, Timeouts, run, set_lock_timeout
from mivaa_schema.operations.records import MIGRATION
from mivaa_schema.operations.sql import block, literal, when

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alembic.runtime.migration import MigrationContext
    from sqlalchemy.engine import Connection, Engine

    from mivaa_schema.settings import Settings

PRIVATE_SCHEMA = "mivaa"
VERSION_TABLE = "alembic_version"
UPGRADE_LOCK = 6_841_377_215_308_129
"""Key of the advisory lock that an upgrade holds; ``rollback_migration_phase`` takes the same."""

MUTATING_COMMANDS = frozenset({"upgrade", "downgrade", "do_stamp"})

_LOCK_NOT_AVAILABLE = "55P03"
_DEADLOCK_DETECTED = "40P01"
_UNKNOWN = "at work"
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


def alembic_config() -> Config:
    """The Alembic configuration of this project, from the checkout or from the installed wheel."""
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("truncate_slug_length", "60")
    config.set_main_option("revision_environment", "true")
    config.set_section_option("post_write_hooks", "hooks", "mivaa_schema")
    config.set_section_option("post_write_hooks", "mivaa_schema.type", "mivaa_schema")
    config.set_main_option("script_location", str(history_folder()).replace("%", "%%"))
    return config


def timeouts(settings: Settings) -> Timeouts:
    """How long the statements of a run may wait."""
    return Timeouts(lock=settings.lock_timeout, build=settings.build_timeout)


@contextlib.contextmanager
def upgrade_lock(connection: Connection, seconds: float) -> Iterator[None]:
    """Let one upgrade run at a time; a second one waits, at most so many seconds.

    The lock is held by the session that does the work, so it lives exactly as long: whoever takes
    it next finds nobody at work, even where a client was killed and its last statement still ran.
    It is polled, with no transaction open in between. A session that blocks in
    ``pg_advisory_lock`` holds a snapshot, and a concurrent index build of the first upgrade would
    wait for that snapshot while the second upgrade waits for the lock.

    Raises:
        UpgradeRunning: If the lock is still held after that time.
    """
    deadline = time.monotonic() + seconds
    key = {"key": UPGRADE_LOCK}
    while not connection.execute(text("select pg_try_advisory_lock(:key)"), key).scalar_one():
        holder = connection.execute(text(_HOLDER), key).first()
        connection.rollback()
        if time.monotonic() >= deadline:
            pid, application = holder or ("unknown", "unknown")
            raise UpgradeRunning(pid=pid, application=application, seconds=seconds)
        time.sleep(_pause(1))
    session = connection.execute(text("select pg_backend_pid()")).scalar_one()
    connection.commit()
    try:
        yield
    finally:
        # A session that is lost has lost its lock as well, and another may be in its place.
        with contextlib.suppress(exc.SQLAlchemyError):
            connection.rollback()
            connection.execute(text(_UNLOCK), key | {"session": session})
            connection.commit()


def check_revision_is_known(connection: Connection, script: ScriptDirectory) -> None:
    """Refuse a database whose revision a later version of this package has made.

    Raises:
        UnknownHead: If the recorded revision is none of the chain's.
    """
    known = {revision.revision for revision in script.walk_revisions()}
    for revision in recorded_revisions(connection):
        if revision not in known:
            raise UnknownHead(revision=revision, head=script.get_current_head())


def recorded_revisions(connection: Connection) -> list[str]:
    """The revisions that the database records; empty before the first upgrade."""
    if connection.execute(text("select to_regclass('mivaa.alembic_version')")).scalar() is None:
        return []
    return list(connection.execute(text("select version_num from mivaa.alembic_version")).scalars())


def command_of(context: MigrationContext) -> str:
    """The command that Alembic carries out: upgrade, downgrade, do_stamp, or one that reads."""
    return getattr(context._migrations_fn, "__name__", "")


def begun_revision(connection: Connection, script: ScriptDirectory) -> str | None:
    """The revision that a run was cut off in: begun, and not recorded yet."""
    if connection.execute(text("select to_regclass('mivaa.ledger')")).scalar() is None:
        return None
    recorded = recorded_revisions(connection)
    begun = connection.execute(
        text("select object_name from mivaa.ledger where kind = :kind"), {"kind": REVISION}
    )
    for name in begun.scalars():
        revision = script.get_revision(name)
        if revision and [revision.down_revision] == recorded:
            return str(name)
    return None


def take_back_what_was_begun(connection: Connection, script: ScriptDirectory) -> None:
    """Let a way down begin at the revision that a run was cut off in.

    Such a revision has left tables, indexes or rules, but is not recorded, and Alembic would pass
    it over. Its downgrade takes back whatever of it is there, so it is recorded first.
    """
    begun = begun_revision(connection, script)
    if begun is not None:
        logging.getLogger("alembic.runtime.migration").info(
            "Revision %s was cut off in the middle; it is taken back first", begun
        )
        connection.execute(
            text("update mivaa.alembic_version set version_num = :begun"), {"begun": begun}
        )
        connection.execute(
            text("delete from mivaa.ledger where kind = :kind and object_name = :begun"),
            {"kind": REVISION, "begun": begun},
        )
    connection.commit()


def check_each_step(context: MigrationContext) -> None:
    """Let each revision of an offline script check first that the one before it is recorded.

    A program that goes on after an error would else run a revision on what a failed one has left.
    """
    steps = context._migrations_fn
    assert steps is not None  # noqa: S101 - env.py has configured it

    def checked(heads: Any, of: MigrationContext) -> Iterator[Any]:
        for step in steps(heads, of):
            expected = ", ".join(step.from_revisions)
            if expected:
                step.migration_fn = _behind(_expect_revision(expected), step.migration_fn)
            yield step

    context._migrations_fn = checked


def _behind(statement: str, migration: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(migration)  # Alembic says "upgrade" or "downgrade" by its name.
    def run_both(**arguments: Any) -> None:
        run(statement)
        migration(**arguments)

    return run_both


def _expect_revision(expected: str) -> str:
    recorded = "(select string_agg(version_num, ', ') from mivaa.alembic_version)"
    refuse = (
        "raise exception 'the database is at revision %, expected was %',\n"
        f"  coalesce({recorded}, 'none'), {literal(expected)}\n"
        "  using errcode = 'object_not_in_prerequisite_state',\n"
        "        hint = 'Run the parts of the chain in their order; this one has changed nothing.';"
    )
    return block(when(f"{recorded} is distinct from {literal(expected)}", refuse))


def revision_at_work(
    connection: Connection, script: ScriptDirectory, command: str
) -> tuple[str, str]:
    """The revision in which a statement failed, and in which state that has left it."""
    try:
        connection.rollback()
        recorded = recorded_revisions(connection)
        begun = begun_revision(connection, script)
        connection.rollback()
    except exc.SQLAlchemyError:
        return _UNKNOWN, "either untouched or begun, since the server does not answer"
    current = recorded[0] if recorded else None
    if begun is not None:
        return begun, (
            "begun: the same command goes on with it, and "
            f"`alembic downgrade {current}` takes back what of it is there"
        )
    if command == "upgrade":
        for revision in script.walk_revisions():
            if revision.down_revision == current:
                return revision.revision, "untouched"
    return current or "base", "untouched"


def prepare_session(connection: Connection, waiting: Timeouts) -> None:
    """Bound the waits of a session and commit, so that Alembic begins its own transactions."""
    for statement in session_settings(waiting):
        connection.exec_driver_sql(statement)
    connection.commit()


def session_settings(waiting: Timeouts) -> list[str]:
    """What a session of the chain sets first, online and offline."""
    return [
        set_lock_timeout(waiting.lock),
        # A platform may end every statement after two minutes; an index build takes its time.
        "set statement_timeout = 0",
        "set idle_in_transaction_session_timeout = 0",
        _NOTICE_A_DEAD_CLIENT,
        # "already exists, skipping" is what is wanted; a warning is not.
        "set client_min_messages = warning",
        "set search_path = public, extensions",
    ]


def make_private_schema() -> list[str]:
    """The statements that make the schema of helpers and records, closed to everybody else."""
    return [
        f"create schema if not exists {PRIVATE_SCHEMA}",
        f"revoke all on schema {PRIVATE_SCHEMA} from public",
    ]


def drop_private_schema() -> list[str]:
    """The statements that end a way back to base; without cascade, so that nothing is lost."""
    return [
        f"drop table if exists {PRIVATE_SCHEMA}.{VERSION_TABLE}",
        f"drop schema if exists {PRIVATE_SCHEMA}",
    ]


def notify_api() -> str:
    """The statement that has PostgREST read the schema again."""
    return "notify pgrst, 'reload schema'"


class _Warnings(logging.Handler):
    """Hands on what the server warned of; SQLAlchemy logs it where nobody looks."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("WARNING:"):
            logging.getLogger("alembic.runtime.migration").warning(
                "%s", " ".join(text.removeprefix("WARNING:").split())
            )


def report_warnings() -> None:
    """Show the server's warnings: bad rows do not stop an upgrade, but must not go unseen."""
    notices = logging.getLogger("sqlalchemy.dialects.postgresql")
    if not any(isinstance(handler, _Warnings) for handler in notices.handlers):
        notices.addHandler(_Warnings())
        notices.setLevel(logging.INFO)
        notices.propagate = False


@contextlib.contextmanager
def records(connection: Connection, script: ScriptDirectory, command: str) -> Iterator[None]:
    """Keep the records of a run: make their schema first, write a failure down, clear up at last.

    Where no revision is left, nothing is left. A connection that broke in the middle breaks
    nothing here: the next run of the same command clears up.
    """
    report_warnings()
    for statement in make_private_schema():
        connection.exec_driver_sql(statement)
    connection.commit()
    try:
        yield
    except MivaaError as failure:
        with contextlib.suppress(exc.SQLAlchemyError):
            if command == "upgrade" and isinstance(failure, RevisionFailed):
                _record_failure(connection, script, failure)
            _clear_up(connection)
        raise
    _clear_up(connection)


def _clear_up(connection: Connection) -> None:
    if not recorded_revisions(connection):
        for statement in drop_private_schema():
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql(notify_api())
    connection.commit()


def _record_failure(
    connection: Connection, script: ScriptDirectory, failure: RevisionFailed
) -> None:
    """Record the failed phase, in a transaction of its own: the revision's is rolled back."""
    name = failure.fields["revision"]
    revision = script.get_revision(name) if name != _UNKNOWN else None
    phase = getattr(revision.module, "PHASE", None) if revision else None
    connection.rollback()
    if phase is None or connection.execute(text(_HAS_TRACKING)).scalar() is None:
        return
    connection.execute(
        text(_RECORD_FAILURE),
        {"migration": MIGRATION, "phase": phase, "message": failure.fields["detail"]},
    )
    connection.commit()


def run_with_retries(
    engine: Engine,
    run: Callable[[], None],
    at_work: Callable[[], tuple[str, str]],
    retries: int,
) -> None:
    """Run the chain, and again whenever a lock was not to be had in time.

    A revision that gives way is rolled back whole and holds nothing while it pauses, so those who
    queue behind it get on. Revisions that are done stay done; the next try goes on behind them,
    and each revision has all of its tries.

    Args:
        engine: For a second connection, which looks who was in the way.
        run: Runs Alembic; it commits each revision.
        at_work: Names the revision that is at work, and says in which state it is.
        retries: How often to try again.

    Raises:
        LockNotAvailable: If the lock was not to be had within all tries.
        RevisionFailed: If a statement failed for another reason.
    """
    revision, attempt = "", 0
    while True:
        try:
            run()
        except (exc.DBAPIError, exc.PendingRollbackError) as failure:
            error = _first_cause(failure)
            before = revision
            revision, state = at_work()
            if getattr(error.orig, "pgcode", None) not in (_LOCK_NOT_AVAILABLE, _DEADLOCK_DETECTED):
                raise RevisionFailed(
                    revision=revision, state=state, detail=describe(error)
                ) from error
            attempt = attempt + 1 if revision == before else 1
            if attempt > retries:
                raise LockNotAvailable(
                    revision=revision,
                    attempts=attempt,
                    state=state,
                    blockers=_named_by_server(error) or blockers(engine),
                ) from error
            time.sleep(_pause(attempt - 1))
        else:
            return


def _first_cause(failure: exc.SQLAlchemyError) -> exc.DBAPIError:
    """What the server said, where leaving a block on the lost connection has failed after it."""
    cause: BaseException | None = failure
    while cause is not None and not isinstance(cause, exc.DBAPIError):
        cause = cause.__context__
    if cause is None:
        raise failure
    return cause


def _named_by_server(error: exc.DBAPIError) -> str | None:
    """Whom ``mivaa.lock_tables`` found in its way; other waits for a lock name nobody."""
    diagnosis: Any = getattr(error.orig, "diag", None)
    if getattr(diagnosis, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
        return getattr(diagnosis, "message_detail", None)
    return None


def describe(error: exc.DBAPIError) -> str:
    """What the server said: message, detail and hint."""
    diagnosis: Any = getattr(error.orig, "diag", None)
    parts = (
        getattr(diagnosis, name, None)
        for name in ("message_primary", "message_detail", "message_hint")
    )
    text = ". ".join(part.rstrip(".") for part in parts if part)
    # A lost connection has words of its own, on several lines, and no diagnosis.
    return (text or " ".join(str(error.orig).split()).rstrip(".")) + "."


def blockers(engine: Engine) -> str:
    """Who holds locks on our tables: process, application, age and query, oldest first."""
    with engine.connect() as connection:
        rows = connection.execute(text(_BLOCKERS)).all()
    return (
        "; ".join(
            f"process {pid} ({application or 'no application name'}), in a transaction for"
            f" {age:.0f} s, last query: {query}"
            for pid, application, age, query in rows
        )
        or "nobody any more"
    )


def _pause(attempt: int) -> float:
    """Seconds to wait: doubled each time, up to a bound, between half and whole of it."""
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**attempt)
    return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, no secret


# A server notices that its client was killed only when it has something to send, and an index build
# has not for hours. Where the system cannot tell, the setting is refused, and left as it is.
_NOTICE_A_DEAD_CLIENT = """\
do $mivaa$
begin
  set client_connection_check_interval = '1s';
exception when invalid_parameter_value then
  null;
end
$mivaa$"""

_HAS_TRACKING = "select to_regclass('public.migration_tracking')"

_RECORD_FAILURE = """
insert into public.migration_tracking (migration_name, phase, status, error_message)
values (:migration, :phase, 'failed', :message)
on conflict (migration_name, phase) do update set
  status = 'failed', completed_at = null, error_message = excluded.error_message
"""

_UNLOCK = "select pg_advisory_unlock(:key) where pg_backend_pid() = :session"

_HOLDER = """
select l.pid, coalesce(nullif(a.application_name, ''), 'unknown')
from pg_catalog.pg_locks l left join pg_catalog.pg_stat_activity a using (pid)
where l.locktype = 'advisory' and l.granted and l.objsubid = 1
  and (l.classid::bigint << 32 | l.objid::bigint) = :key
  and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
"""

_BLOCKERS = """
select a.pid, a.application_name, extract(epoch from clock_timestamp() - a.xact_start)::float8,
  regexp_replace(left(a.query, 200), '\\s+', ' ', 'g')
from pg_catalog.pg_stat_activity a
where a.pid <> pg_backend_pid() and a.xact_start is not null and exists (
  select from pg_catalog.pg_locks l
  join pg_catalog.pg_class c on c.oid = l.relation
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where l.pid = a.pid and l.granted and n.nspname in ('public', 'auth', 'mivaa')
)
order by a.xact_start
limit 5
"""
