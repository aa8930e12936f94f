"""Waits of an upgrade: one upgrader at a time, short waits for locks, blockers, and progress."""

from __future__ import annotations

import contextlib
import logging
import random
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc, text
from tqdm import tqdm

from mivaa_schema.errors import MivaaError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection, Engine, RowMapping

UPGRADE_LOCK = 6_841_377_215_308_129
"""Key of the advisory lock that an upgrade holds; ``rollback_migration_phase`` takes the same."""

POLL_INTERVAL = 0.5
"""Seconds between two looks at the progress of a statement."""

REPEAT_INTERVAL = 60.0
"""Seconds after which a log line that still holds is repeated, where there is no bar."""

RETRIED = frozenset({"55P03", "40P01"})
"""SQLSTATEs after which a revision is tried again: lock not available, deadlock detected."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0

_log = logging.getLogger("alembic.runtime.migration")


class UpgradeRunning(MivaaError):
    """Another upgrade holds the lock (process {pid}, application `{application}`) and did not end
    within {seconds:.0f} s. Wait for it and run the same command again, or raise `-x upgrade_wait=`.
    """


class LockNotAvailable(MivaaError):
    """Revision {revision} could not acquire its locks in {attempts} attempts and is {state}.
    Blocked by: {blockers}.
    End those sessions or choose a quieter time, then run the same command again; or raise
    `-x lock_retries=` or `-x lock_timeout=`.
    """


class RevisionFailed(MivaaError):
    """Revision {revision} failed and is {state}: {detail}
    Correct the cause, then run the same command again: it continues where it stopped.
    """


@contextlib.contextmanager
def upgrade_lock(connection: Connection, seconds: float) -> Iterator[None]:
    """Let one upgrade run at a time; a second one waits, at most so many seconds.

    The lock is held by the session that does the work, so it lives exactly as long: whoever takes
    it next finds no other upgrade, even where a client was killed and its last statement still
    ran. It is polled, with no transaction open in between. A session that blocks in
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
        time.sleep(pause(1))
    session = backend_pid(connection)
    connection.commit()
    try:
        yield
    finally:
        # A session that is lost has lost its lock as well, and another may be in its place.
        with contextlib.suppress(exc.SQLAlchemyError):
            connection.rollback()
            connection.execute(text(_UNLOCK), key | {"session": session})
            connection.commit()


def backend_pid(connection: Connection) -> int:
    """The server process of a connection."""
    return int(connection.exec_driver_sql("select pg_backend_pid()").scalar_one())


def pause(attempt: int, longest: float = _LONGEST_PAUSE) -> float:
    """Seconds to wait before the next attempt, counted from 0: doubled each time, with jitter."""
    bound = min(longest, _FIRST_PAUSE * 2.0**attempt)
    return random.uniform(bound / 2, bound)  # noqa: S311 - jitter, no secret


def sqlstate(error: exc.DBAPIError) -> str | None:
    """The server's code of an error; none where the connection was lost."""
    code = getattr(error.orig, "pgcode", None) or getattr(error.orig, "sqlstate", None)
    return None if code is None else str(code)


def describe(error: exc.DBAPIError) -> str:
    """What the server said: message, detail and hint."""
    names = ("message_primary", "message_detail", "message_hint")
    parts = (_diagnosis(error, name) for name in names)
    text = ". ".join(part.rstrip(".") for part in parts if part)
    # A lost connection has words of its own, on several lines, and no diagnosis.
    return (text or " ".join(str(error.orig).split()).rstrip(".")) + "."


def _diagnosis(error: exc.DBAPIError, name: str) -> str | None:
    return getattr(getattr(error.orig, "diag", None), name, None)


def run_with_retries(
    engine: Engine,
    process: int,
    run: Callable[[], None],
    current: Callable[[], tuple[str, str]],
    retries: int,
) -> None:
    """Run Alembic, and again after a lock timeout or a deadlock.

    A revision that could not acquire a lock is rolled back whole and holds nothing while it
    pauses, so those who queue behind it get on. Revisions that are done stay done; the next
    attempt continues behind them, and each revision has all of its attempts.

    Args:
        engine: For a second connection, which asks who holds the locks.
        process: The server process that runs the revisions.
        run: Runs Alembic; it commits each revision.
        current: Names the revision that failed, and the state it is in.
        retries: How often to try again.

    Raises:
        LockNotAvailable: If no attempt acquired the lock.
        RevisionFailed: If a statement failed for another reason.
    """
    revision, attempt = "", 0
    while True:
        try:
            return run()
        except (exc.DBAPIError, exc.PendingRollbackError) as failure:
            error, before = _first_cause(failure), revision
        revision, state = current()
        if sqlstate(error) not in RETRIED:
            detail = describe(error) + _duplicates(engine, error)
            raise RevisionFailed(revision=revision, state=state, detail=detail) from error
        attempt = attempt + 1 if revision == before else 1
        if attempt > retries:
            # The blockers that mivaa.lock_tables has named; other waits for a lock name none.
            named = _diagnosis(error, "message_detail") if sqlstate(error) == "55P03" else None
            by = named or blockers(engine, process)
            raise LockNotAvailable(
                revision=revision, attempts=attempt, state=state, blockers=by
            ) from error
        time.sleep(pause(attempt - 1))


def _first_cause(failure: exc.SQLAlchemyError) -> exc.DBAPIError:
    """What the server said, where leaving a block on the lost connection has failed after it."""
    cause: BaseException | None = failure
    while cause is not None and not isinstance(cause, exc.DBAPIError):
        cause = cause.__context__
    if cause is None:
        raise failure
    return cause


def _duplicates(engine: Engine, error: exc.DBAPIError) -> str:
    """How many rows keep a unique index from being built; it is INVALID, but knows its key.

    Never raises, as :func:`blockers`.
    """
    if sqlstate(error) == "23505":
        names = {name: _diagnosis(error, f"{name}_name") for name in ("schema", "constraint")}
        with contextlib.suppress(exc.SQLAlchemyError), engine.connect() as connection:
            table, key, count = connection.execute(text(_DUPLICATES), names).one()
            verbatim = {"no_parameters": True}
            rows = connection.exec_driver_sql(count, execution_options=verbatim).scalar()
            return f" In {table}, {rows} rows share their {key} with another row."
    return ""


def blockers(engine: Engine, waiting: int = 0) -> str:
    """The sessions that block another: process, application, age, last query, oldest first.

    Where ``waiting`` (its server process) waits no longer, or is not given, these are the sessions
    of this database that hold locks on our tables. Never raises: it is asked after an error, and
    must not hide that one.
    """
    try:
        with engine.connect() as connection:
            return _blockers(connection, waiting) or "no session any more"
    except exc.SQLAlchemyError as error:
        return f"unknown, because the server could not be asked ({printable(error)})"


def _blockers(connection: Connection, waiting: int) -> str | None:
    found = connection.execute(text(_BLOCKERS), {"waiting": waiting}).scalar()
    # Names and queries of other sessions; a bar and a log show them, too.
    return None if found is None else printable(found)


@contextlib.contextmanager
def progress(engine: Engine, process: int) -> Iterator[None]:
    """Show, as long as the block runs, what the statements of a server process are doing.

    A second connection asks. It holds no transaction between two questions, so that no index build
    waits for it; and where it cannot ask, the work goes on unseen.
    """
    done = threading.Event()
    thread = threading.Thread(target=_watch, args=(engine, process, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _watch(engine: Engine, process: int, done: threading.Event) -> None:
    display = Display()
    # Most runs are over before the first look and need no second connection.
    if done.wait(POLL_INTERVAL):
        return
    with contextlib.suppress(exc.SQLAlchemyError), engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        while not done.wait(POLL_INTERVAL):
            row = connection.execute(text(_PROGRESS), {"process": process}).mappings().first()
            waits = row is not None and row["waits"]
            display.show(row or {}, _blockers(connection, process) if waits else None)
    display.close()


class Display:
    """A bar on ``terminal`` (standard error, if that is one), lines of the log elsewhere."""

    def __init__(self, terminal: Any = None) -> None:
        self._terminal = terminal or (sys.stderr if sys.stderr.isatty() else None)
        self._bar: tqdm[Any] | None = None
        self._phase: tuple[str, ...] = ()
        self._seen: dict[tuple[str, ...], int] = {}

    def show(self, row: RowMapping | dict[str, Any], blockers: str | None = None) -> None:
        """Show ``index``, ``phase``, ``done``, ``total`` and ``unit``, and who blocks it."""
        phase = (row["index"], row["phase"]) if row.get("phase") else ()
        if blockers:
            # A moment of waiting is not worth a line. The age of a transaction changes.
            processes = tuple(part.partition(" (")[0] for part in blockers.split("; "))
            of = f"{row['phase']}, " if phase else ""
            self._say(f"waits for {of}{blockers}", key=("blockers", *processes), after=2)
        if phase != self._phase:
            self.close()
            self._phase = phase
        if not phase or not row["total"]:
            return
        what = printable(": ".join(phase))
        if self._terminal is None:
            share = row["done"] / row["total"]
            self._say(f"{what}, {share:.0%}", key=phase, after=20)
            return
        if self._bar is None:
            self._bar = tqdm(
                total=row["total"], desc=what, unit=row["unit"], file=self._terminal, leave=False,
                dynamic_ncols=True, initial=row["done"],
            )  # fmt: skip
        self._bar.total = row["total"]
        self._bar.update(row["done"] - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._phase = ()

    def _say(self, message: str, key: tuple[str, ...], after: int) -> None:
        """Log what has held for so many looks, and again while it lasts."""
        seen = self._seen[key] = self._seen.get(key, 0) + 1
        if (seen - after) % round(REPEAT_INTERVAL / POLL_INTERVAL) == 0:
            _log.info("%s", printable(message, len(message)))


_UNLOCK = "select pg_advisory_unlock(:key) where pg_backend_pid() = :session"

_HOLDER = """
select l.pid, coalesce(nullif(a.application_name, ''), 'unknown')
from pg_catalog.pg_locks l left join pg_catalog.pg_stat_activity a using (pid)
where l.locktype = 'advisory' and l.granted and l.objsubid = 1
  and (l.classid::bigint << 32 | l.objid::bigint) = :key
  and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
"""

_DUPLICATES = """
select i.indrelid::regclass::text, '(' || string_agg(k.part, ', ' order by n) || ')',
  format('select sum(n) from'
    ' (select count(*) as n from %s where %s group by %s having count(*) > 1) d',
    i.indrelid::regclass,
    concat_ws(' and ', coalesce(pg_get_expr(i.indpred, i.indrelid), 'true'),
      string_agg(format('(%s) is not null', k.part), ' and ' order by n)
        filter (where to_jsonb(i) ->> 'indnullsnotdistinct' is distinct from 'true')),
    string_agg(k.part, ', ' order by n))
from pg_catalog.pg_index i, generate_series(1, i.indnkeyatts) n,
  pg_get_indexdef(i.indexrelid, n, true) k (part)
where i.indexrelid = to_regclass(format('%I.%I', cast(:schema as text), cast(:constraint as text)))
  and not i.indisvalid
group by i.indexrelid, i.indrelid, i.indpred, to_jsonb(i)
"""

_BLOCKERS = """
with blocking as materialized (select pg_catalog.pg_blocking_pids(:waiting) as pids)
select string_agg(
  format('process %s (%s), in a transaction for %s s, last query: %s', a.pid,
    coalesce(nullif(a.application_name, ''), 'no application name'),
    round(extract(epoch from clock_timestamp() - a.xact_start)),
    regexp_replace(left(a.query, 200), '\\s+', ' ', 'g')),
  '; ' order by a.xact_start)
from pg_catalog.pg_stat_activity a, blocking b
where a.pid = any (b.pids) or b.pids = '{}' and a.datname = current_database()
  and a.pid not in (pg_catalog.pg_backend_pid(), :waiting) and a.xact_start is not null
  and exists (
    select from pg_catalog.pg_locks l
    join pg_catalog.pg_class c on c.oid = l.relation
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where l.pid = a.pid and l.granted and n.nspname in ('public', 'auth', 'mivaa')
      and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
  )
"""

_PROGRESS = """
select coalesce(c.relname, 'an index') as index, p.phase,
  coalesce(nullif(p.tuples_total, 0), p.blocks_total) as total,
  case when p.tuples_total > 0 then p.tuples_done else p.blocks_done end as done,
  case when p.tuples_total > 0 then ' rows' else ' pages' end as unit,
  a.wait_event_type is not distinct from 'Lock' as waits
from pg_catalog.pg_stat_activity a
left join pg_catalog.pg_stat_progress_create_index p on p.pid = a.pid
left join pg_catalog.pg_class c on c.oid = p.index_relid
where a.pid = :process
"""
