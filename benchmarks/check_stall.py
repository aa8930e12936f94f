"""How long readers wait while the database is compared with its recorded catalog, again and again.

Goals: the longest read of a round takes at most twice as long as in a round without (the median of
the rounds; the comparison needs a processor too), and no reader ever waits for a lock.

Four users read documents of their workspaces through row-level security, all the time. In every
other round a process of its own finds drift, as `mivaa-schema drift` and `alembic check` do,
without a pause. Who waits for a lock is looked up every 5 ms.

    python benchmarks/check_stall.py [--rows 20000] [--rounds 7] [--seconds 3] [--keep DIR]
"""

from __future__ import annotations

import multiprocessing
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event

from harness import Tenant, Tenants, Verdicts, acting_for, arguments, upgraded_database
from sqlalchemy.engine import URL, Engine

from mivaa_schema import database, drift

READERS = 4
GOAL = 2.0

READ = "select id, title from public.documents order by created_at desc limit 20"
WAITING = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'"""


def compare(url: URL, over: Event, count: multiprocessing.Queue[int]) -> None:
    """Find drift until it is over; there must be none."""
    engine = database.create_engine(url)
    done = 0
    while not over.is_set():
        with engine.connect() as connection:
            assert drift.find(connection) == []
        done += 1
    count.put(done)


@contextmanager
def comparing(url: URL, counts: list[int]) -> Iterator[None]:
    """A process that finds drift all the time."""
    context = multiprocessing.get_context("spawn")
    over, count = context.Event(), context.Queue()
    process = context.Process(target=compare, args=(url, over, count))
    process.start()
    time.sleep(1.5)  # it starts
    yield
    over.set()
    counts.append(count.get())
    process.join()


def read(engine: Engine, tenant: Tenant, until: float, longest: list[float]) -> None:
    """Read as a tenant's user; note the longest time of one read, in seconds."""
    slowest = 0.0
    with acting_for(engine, tenant) as connection:
        connection.exec_driver_sql(READ)
        while time.perf_counter() < until:
            start = time.perf_counter()
            connection.exec_driver_sql(READ).all()
            slowest = max(slowest, time.perf_counter() - start)
    longest.append(slowest)


def longest_read(engine: Engine, tenants: list[Tenant], seconds: float) -> tuple[float, int]:
    """The longest read of all readers, and how often somebody was seen waiting for a lock."""
    until = time.perf_counter() + seconds
    longest: list[float] = []
    readers = [threading.Thread(target=read, args=(engine, t, until, longest)) for t in tenants]
    for reader in readers:
        reader.start()
    waiting = 0
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while time.perf_counter() < until:
            waiting += connection.exec_driver_sql(WAITING).scalar_one()
            time.sleep(0.005)
    for reader in readers:
        reader.join()
    return max(longest), waiting


def main() -> None:
    """Measure, print, and end with 1 if a goal is missed."""
    options = arguments(__doc__, rows=20_000, rounds=7, seconds=3)
    verdicts = Verdicts(options.picture)
    with upgraded_database(options, f"check_stall_{options.rows}") as (engine, new):
        tenants = Tenants(options.rows)
        if new:
            tenants.create(engine)
        readers = tenants.all[:READERS]
        alone, compared, counts, waits = [], [], [], 0
        longest_read(engine, readers, 1)
        for _ in range(options.rounds):
            alone.append(longest_read(engine, readers, options.seconds)[0])
            with comparing(engine.url, counts):
                longest, waiting = longest_read(engine, readers, options.seconds)
            compared.append(longest)
            waits += waiting
        without, beside = statistics.median(alone), statistics.median(compared)
        print(
            f"longest read: {without * 1000:.1f} ms alone, {beside * 1000:.1f} ms beside"
            f" {sum(counts)} comparisons"
        )
        verdicts.at_most("longest read beside comparisons / alone", GOAL, beside / without)
        verdicts.at_most("readers seen waiting for a lock", 0, waits)
    verdicts.exit()


if __name__ == "__main__":
    main()
