"""What the guard of an engine adds to a transaction, for each driver.

Two statements that end at once, `select 1`, in a transaction of a pooled connection, with and
without a guard. With one, the transaction begins with an identity, and the session is cleaned when
the connection goes back: two round trips beside four (begin, two statements, rollback).

    python benchmarks/guard.py [--rounds 500]
"""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid

import sqlalchemy as sa
from harness import Verdicts, alternate, arguments, medians, upgraded_database
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from mivaa_schema.identity import Identity, guard, identify

ASKER = Identity.of_user(uuid.uuid4())
ONE = sa.text("select 1")
GOAL = 2.0


def synchronous(url: sa.URL, rounds: int) -> dict[str, float]:
    """Milliseconds of a transaction on a bare engine and on a guarded one."""
    bare, guarded = sa.create_engine(url), guard(sa.create_engine(url))

    def without(_: int) -> None:
        with bare.connect() as connection:
            connection.execute(ONE)
            connection.execute(ONE)

    def within(_: int) -> None:
        with guarded.connect() as connection:
            identify(connection, ASKER)
            connection.execute(ONE)
            connection.execute(ONE)

    return medians(alternate({"bare": without, "guarded": within}, rounds))


async def asynchronous(url: sa.URL, rounds: int) -> dict[str, float]:
    """The same through asyncpg."""
    engines: dict[str, AsyncEngine] = {
        "bare": create_async_engine(url),
        "guarded": guard(create_async_engine(url)),
    }
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            start = time.perf_counter()
            async with engine.connect() as connection:
                if name == "guarded":
                    identify(connection, ASKER)
                await connection.execute(ONE)
                await connection.execute(ONE)
            times[name].append(time.perf_counter() - start)
    for engine in engines.values():
        await engine.dispose()
    return {name: statistics.median(values) * 1000 for name, values in times.items()}


def main() -> None:
    """Measure the three drivers."""
    options = arguments(__doc__, rounds=500)
    verdicts = Verdicts(options.picture)
    with upgraded_database(options, "guard") as (engine, _):
        for driver in ("psycopg2", "psycopg", "asyncpg"):
            url = engine.url.set(drivername=f"postgresql+{driver}")
            if driver == "asyncpg":
                ms = asyncio.run(asynchronous(url, options.rounds))
            else:
                ms = synchronous(url, options.rounds)
            print(driver, {name: f"{value:.2f} ms" for name, value in ms.items()})
            verdicts.at_most(f"{driver}: guarded / bare", GOAL, ms["guarded"] / ms["bare"])
    verdicts.exit()


if __name__ == "__main__":
    main()
