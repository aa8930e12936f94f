"""How long users wait while the revisions are applied, and downgraded, on a live database.

Goals: no failed statement; no request longer than 150 ms; with a transaction left open for 10 s,
which every strong lock has to wait for, others wait at most as long as the chain itself waits for
a lock, and 100 ms. The same on the way down.

An existing platform (200,000 documents with vectors, 400,000 chunks, 100,000 PDFs; a server that
writes to disk) is read and written over four connections of the API, as users through row-level
security and as a service. The chain goes from base to head and back one revision at a time, first
as it is, then with the open transaction at the beginning of each revision. What a request takes
while nothing else happens is measured before each way, since a busy machine has stalls of its own.
Who made a slow request wait is looked up every 10 ms.

    python benchmarks/live_upgrade.py [--documents 200000] [--quiet 20] [--pause 2]
        [--picture docs/pictures/live_upgrade.svg] [--keep DIR]

For a look in two minutes: `--documents 5000 --quiet 5 --open 3`. How long the chain waits for a
lock is set as ever, by `MIVAA_LOCK_TIMEOUT`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import tempfile
import threading
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg2
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from harness import Verdicts
from numpy.typing import NDArray
from sqlalchemy.engine import Engine
from traffic import Client, Failure, Log, Sight, Traffic, fill, known

from mivaa_schema import database, platform
from mivaa_schema.migrations import alembic_config
from mivaa_schema.server import EmbeddedServer
from mivaa_schema.settings import Settings

GOAL, MARGIN = 0.150, 0.100
CONF = {
    "shared_buffers": "2GB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "4GB",
    "track_activity_query_size": "32kB",  # a block says late what it does
}
DATABASE = "live"
SHOWN = 2
"""Slowest requests of a revision that are explained."""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--quiet", type=float, default=20.0, help="seconds without the chain")
    parser.add_argument("--open", type=float, default=10.0, help="seconds of the open transaction")
    parser.add_argument("--pause", type=float, default=2.0, help="ms between two requests")
    parser.add_argument("--slow", type=float, default=50.0, help="ms from which to explain")
    parser.add_argument("--major", type=int, default=18)
    parser.add_argument("--only", choices=("as it is", "open"), help="one of the two runs")
    parser.add_argument("--picture", type=Path, help="file to draw to, such as .svg")
    parser.add_argument("--keep", type=Path, help="folder of a server to leave, or to use again")
    return parser.parse_args()


@contextmanager
def existing_platform(options: argparse.Namespace) -> Iterator[tuple[str, Engine]]:
    """A durable server with the platform on it, before the first upgrade."""
    home = options.keep or Path(tempfile.mkdtemp(prefix="mivaa-live-"))
    home.mkdir(exist_ok=True)
    home.chmod(0o755)
    server = EmbeddedServer(home, major=options.major, extra_conf=CONF)
    server.start()
    try:
        with closing(psycopg2.connect(server.url())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select from pg_database where datname = %s", (DATABASE,))
                new = cursor.rowcount == 0
                if new:
                    cursor.execute(f"create database {DATABASE}")
        engine = database.create_engine(database.database_url(server.url(DATABASE)))
        if new:
            with engine.connect() as connection:
                platform.install(connection)
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                start = time.monotonic()
                fill(connection.connection.cursor(), options.documents)
                print(f"platform filled in {time.monotonic() - start:.0f} s", flush=True)
        yield server.url(DATABASE), engine
        engine.dispose()
    finally:
        if not options.keep:
            server.stop()
            shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class Window:
    """A stretch of time: a revision on its way up or down, or quiet before such a way."""

    name: str
    way: str
    start: float
    end: float


@dataclass
class Statements:
    """What the chain sent, and when: start, end, text."""

    seen: list[tuple[float, float, str]] = field(default_factory=list)

    def listen(self, engine: Engine) -> None:
        """Note every statement that goes through the engine."""

        def begin(connection: Any, *_: Any) -> None:
            connection.info["began"] = time.monotonic()

        def end(connection: Any, _: Any, statement: str, *__: Any) -> None:
            self.seen.append((connection.info["began"], time.monotonic(), statement))

        sa.event.listen(engine, "before_cursor_execute", begin)
        sa.event.listen(engine, "after_cursor_execute", end)

    def between(self, start: float, end: float) -> list[str]:
        """What ran at some moment between two moments."""
        return [text for began, ended, text in self.seen if began < end and ended > start]


@dataclass
class Run:
    """The chain up and down once, and what the clients saw of it; the goal is in seconds."""

    title: str
    goal: float
    windows: list[Window]
    statements: Statements
    logs: list[Log]
    sights: list[Sight]
    gave_up: str | None = None

    def __post_init__(self) -> None:
        rows = [np.frombuffer(log.requests).reshape(-1, 3) for log in self.logs]
        self.start, self.end = (np.concatenate([r[:, column] for r in rows]) for column in (0, 1))
        self.kind = np.concatenate([r[:, 2] for r in rows]).astype(int)
        self.client = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
        self.taken = self.end - self.start
        self.writing = np.array([log.client.writes for log in self.logs])[self.client]

    def during(self, window: Window) -> NDArray[np.intp]:
        """Requests that were on their way at some moment of a window, slowest first."""
        found = np.flatnonzero((self.start < window.end) & (self.end > window.start))
        return found[np.argsort(-self.taken[found])]

    def place(self, request: int) -> str:
        """The windows in which a request was on its way."""
        start, end = self.start[request], self.end[request]
        found = [f"{w.way} {w.name}" for w in self.windows if start < w.end and end > w.start]
        return " and ".join(found) or "between revisions"

    def longest(self, way: str) -> float:
        """Seconds of the slowest request on a way."""
        windows = (window for window in self.windows if window.way == way)
        return max((float(self.taken[r]) for w in windows for r in self.during(w)[:1]), default=0)

    def longest_at_locks(self, *windows: Window) -> float:
        """Seconds of the longest wait for a lock, among the slowest requests of each window."""
        slowest = (request for window in windows for request in self.during(window)[:200])
        return max((self._at_locks(int(request)) for request in slowest), default=0)

    def _at_locks(self, request: int) -> float:
        """The part of a request in which it was seen to wait for a lock; the disk has its own."""
        seen = self.sights_of(request)
        times = {sight.at for sight in seen}
        at_locks = {sight.at for sight in seen if sight.wait.startswith("Lock ")}
        return float(self.taken[request]) * len(at_locks) / max(len(times), 1)

    def rate(self, *windows: Window) -> tuple[float, float]:
        """Reads and writes a second that ended in windows."""
        inside = np.zeros(len(self.end), bool)
        for window in windows:
            inside |= (self.end >= window.start) & (self.end < window.end)
        seconds = sum(window.end - window.start for window in windows)
        return (
            float(np.sum(inside & ~self.writing)) / seconds,
            float(np.sum(inside & self.writing)) / seconds,
        )

    def failures(self) -> list[tuple[int, Failure]]:
        """Requests that failed, with how."""
        first = np.cumsum([0, *(len(log.requests) // 3 for log in self.logs)])
        return [
            (int(first[number]) + failure.request, failure)
            for number, log in enumerate(self.logs)
            for failure in log.failures
        ]

    def sights_of(self, request: int) -> list[Sight]:
        """What a request was seen to wait for."""
        return self._seen(request, {self.logs[self.client[request]].pid})

    def _seen(self, request: int, pids: set[int]) -> list[Sight]:
        first = bisect_left(self.sights, self.start[request], key=lambda sight: sight.at)
        last = bisect_right(self.sights, self.end[request], key=lambda sight: sight.at)
        return [sight for sight in self.sights[first:last] if sight.pid in pids]

    def explain(self, request: int) -> str:
        """Why a request took so long, as far as it was seen."""
        log = self.logs[self.client[request]]
        seen = self.sights_of(request)
        waits = ", ".join(f"{wait} x {n}" for wait, n in Counter(s.wait for s in seen).items())
        lines = [
            (
                f"{self.taken[request] * 1000:.0f} ms: {log.names[int(self.kind[request])]},"
                f" {log.client.name}; waits seen: {waits or 'none'}"
            ),
            *(f"it {text}" for text in in_the_way(seen)),
        ]
        if len(lines) > 1:
            of_chain = self._seen(request, {s.pid for s in self.sights} - self._clients)
            lines += [f"the chain {text}" for text in in_the_way(of_chain)]
        else:
            running = self.statements.between(self.start[request], self.end[request])
            lines += [f"the chain ran: {brief(text)}" for text in running[:2]]
        return "\n        ".join(lines)

    @property
    def _clients(self) -> set[int]:
        return {log.pid for log in self.logs}


def in_the_way(sights: list[Sight]) -> list[str]:
    """Who kept a statement waiting, the most frequent first."""
    found = Counter(
        f"wanted {s.blocked_on}; blocked by {s.blocker} with"
        f" {s.blocking_locks or 'no lock on it'}: {brief(s.blocking_statement or '')}"
        for s in sights
        if s.blocker
    )
    return [f"({times} x) {text}" for text, times in found.most_common(SHOWN)]


def brief(statement: str, length: int = 220) -> str:
    """The part of a statement that says what it does; of a block, its first changes."""
    text = " ".join(statement.split())
    if text.startswith("do "):
        changes = re.findall(
            r"\b(?:(?:alter|lock) table|update|grant|revoke"
            r"|(?:create(?: or replace)?|drop) (?:trigger|policy|table|index|function))\b [^;]*",
            text,
        )
        text = f"do: {len(changes)} changes, " + " / ".join(change[:70] for change in changes)
    return text[:length]


@contextmanager
def open_transaction(url: str, seconds: float) -> Iterator[None]:
    """A transaction that has read and written documents, and does nothing for so many seconds."""
    connection = psycopg2.connect(url, application_name="open transaction")
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from public.documents where id = %s", (known("document", 0),)
        )
        cursor.execute(
            "update public.documents set title = 'Open' where id = %s", (known("document", 0),)
        )
    end = threading.Timer(seconds, connection.rollback)
    end.start()
    try:
        yield
    finally:
        end.cancel()
        end.join()
        connection.close()


def run(options: argparse.Namespace, url: str, engine: Engine, *, blocked: bool) -> Run:
    """Take the chain up and down under traffic."""
    config = alembic_config()
    config.attributes["connection"] = engine
    command.downgrade(config, "base")  # what an interrupted run has left
    revisions = list(ScriptDirectory.from_config(config).walk_revisions())[::-1]
    statements, windows = Statements(), []
    statements.listen(engine)
    roles = ("authenticated", "service_role")
    clients = [
        Client(number, roles[number % 2], number >= 2, options.documents, options.pause / 1000)
        for number in range(4)
    ]
    traffic = Traffic(url, clients)
    time.sleep(3)  # until what they read is in memory

    def quiet(way: str) -> None:
        start = time.monotonic()
        time.sleep(options.quiet)
        windows.append(Window("quiet", way, start, time.monotonic()))

    def step(way: str, name: str, target: str) -> None:
        move = command.upgrade if way == "up" else command.downgrade
        with open_transaction(url, options.open) if blocked else nullcontext():
            start = time.monotonic()
            move(config, target)
            windows.append(Window(name, way, start, time.monotonic()))
        time.sleep(0.5)  # so that a stall belongs to one revision

    gave_up = None
    try:
        quiet("before up")
        for revision in revisions:
            step("up", revision.revision, revision.revision)
        quiet("before down")
        for revision in reversed(revisions):
            step("down", revision.revision, str(revision.down_revision or "base"))
    except CommandError as error:
        gave_up = str(error)
    finally:
        logs, sights = traffic.end()
    if blocked:
        title = f"with a transaction left open for {options.open:g} s"
        goal = Settings.resolve({}, os.environ).lock_timeout + MARGIN
    else:
        title, goal = "as it is", GOAL
    return Run(title, goal, windows, statements, logs, sights, gave_up)


def report(run: Run, slow: float) -> None:
    """Print a line for each revision, then where its slowest requests waited."""
    print(f"\n{run.title}: {len(run.taken)} requests")
    print(
        f"{'':<17}{'seconds':>8}{'longest ms':>12}{'at a lock':>11}{'p99 ms':>9}"
        f"{'reads/s':>9}{'writes/s':>10}  against quiet"
    )
    base = (1.0, 1.0)
    for window in run.windows:
        requests = run.during(window)
        if not len(requests):
            print(f"{window.way} {window.name}: no request")
            continue
        rates = run.rate(window)
        if window.name == "quiet":
            base = rates
        taken = run.taken[requests] * 1000
        at_lock = run.longest_at_locks(window) * 1000
        against = " ".join(
            f"{rate / max(quiet, 0.1):.2f}" for rate, quiet in zip(rates, base, strict=True)
        )
        print(
            f"{window.way.replace('before ', '>'):<6}{window.name:<11}"
            f"{window.end - window.start:>8.2f}{taken[0]:>12.1f}{at_lock:>11.1f}"
            f"{np.percentile(taken, 99):>9.1f}{rates[0]:>9.0f}{rates[1]:>10.0f}  {against}"
        )
    print(f"\nslowest requests, from {slow:g} ms, {SHOWN} of each revision")
    for window in run.windows:
        for request in (int(r) for r in run.during(window)[:SHOWN] if run.taken[r] * 1000 >= slow):
            print(f"{window.way} {window.name}  {run.explain(request)}")
    failures: dict[tuple[str, str], list[tuple[int, Failure]]] = {}
    for request, failure in run.failures():
        failures.setdefault((run.place(request), failure.sqlstate), []).append((request, failure))
    for (place, sqlstate), found in failures.items():
        request, failure = found[0]
        print(f"failed {place}, {len(found)} x {sqlstate}, the first of them:")
        print(f"        {failure.message}\n        {run.explain(request)}")
    if run.gave_up:
        print(f"the chain gave up: {run.gave_up}")


def judge(run: Run, verdicts: Verdicts) -> None:
    """Compare a run with the goals."""
    print(f"\n{run.title}")
    verdicts.at_most("revisions that gave up", 0, run.gave_up is not None)
    verdicts.at_most("failed statements", 0, len(run.failures()))
    for way in ("up", "down"):
        print(f"  quiet before: longest request {run.longest(f'before {way}'):.3f} s")
        verdicts.at_most(f"longest request in s, {way}", run.goal, run.longest(way))
        windows = [window for window in run.windows if window.way == way]
        at_locks = run.longest_at_locks(*windows)
        verdicts.at_most(f"longest wait for a lock in s, {way}", run.goal, at_locks)


def main() -> None:
    """Run both ways, report and judge."""
    options = arguments()
    runs = []
    with existing_platform(options) as (url, engine):
        for name, blocked in (("as it is", False), ("open", True)):
            if options.only in (None, name):
                runs.append(run(options, url, engine, blocked=blocked))
                report(runs[-1], options.slow)
    verdicts = Verdicts()
    for one in runs:
        judge(one, verdicts)
    if options.picture:
        from pictures import draw_live_upgrade

        draw_live_upgrade(runs, options.picture)
    verdicts.exit()


if __name__ == "__main__":
    main()
