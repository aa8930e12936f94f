"""What the Python package adds to a search, and what a connection pool saves.

Goal: at most 1.3 times the same call through the bare driver, which decodes nothing. Measured as
time that passes and as processor time of the client alone.

    python benchmarks/client.py [--rows 2000] [--rounds 300]
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from harness import Tenants, Verdicts, alternate, arguments, literal, medians, upgraded_database
from sqlalchemy.pool import NullPool

from mivaa_schema import database
from mivaa_schema.identity import Identity, guard, identify
from mivaa_schema.search import search_chunks

if TYPE_CHECKING:
    from collections.abc import Callable

CALL = (
    "select * from public.search_document_chunks_hybrid("
    "query_embedding => %s, workspace_id_param => %s, match_count => 10)"
)


def processor_time(work: Callable[[int], Any], rounds: int) -> float:
    """Seconds of this process for one call."""
    start = time.process_time()
    for number in range(rounds):
        work(number)
    return (time.process_time() - start) / rounds


def main() -> None:
    """Alternate both on one connection; then searches through engines with and without a pool."""
    options = arguments(__doc__, rows=2000, rounds=300)
    tenants = Tenants(options.rows)
    with upgraded_database(options, "client") as (engine, new):
        if new:
            tenants.create(engine)
        tenant = tenants.looked_at()[-1]
        queries = tenants.queries(tenant, options.rounds + 3)
        texts = [literal(query) for query in queries]
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            cursor = driver.cursor()

            def bare(number: int) -> None:
                cursor.execute(CALL, (texts[number], str(tenant.id)))
                assert len(cursor.fetchall()) == 10

            def ours(number: int) -> None:
                assert len(search_chunks(connection, queries[number], workspace_id=tenant.id)) == 10

            took = medians(alternate({"bare": bare, "ours": ours}, options.rounds))
            spent = {way: processor_time(work, options.rounds) for way, work in
                     (("bare", bare), ("ours", ours))}  # fmt: skip
        engines = {
            "pooled": database.create_engine(engine.url, pooled=True),
            "not pooled": database.create_engine(engine.url),
        }
        assert isinstance(engines["not pooled"].pool, NullPool)
        asker = Identity.of_user(tenant.user, workspace_id=tenant.id)

        def through(name: str) -> Callable[[int], Any]:
            guarded = guard(engines[name])

            def search(number: int) -> None:
                with guarded.connect() as connection:
                    search_chunks(identify(connection, asker), queries[number])

            return search

        pools = medians(alternate({name: through(name) for name in engines}, options.rounds // 5))
    print({f"{way}, processor time": f"{value * 1000:.2f} ms" for way, value in spent.items()})
    verdicts = Verdicts(options.picture)
    verdicts.at_most(
        "search through the package, against the driver", 1.3, took["ours"] / took["bare"]
    )
    verdicts.at_most(
        "a pooled search, against one that connects", 1.0, pools["pooled"] / pools["not pooled"]
    )
    verdicts.exit()


if __name__ == "__main__":
    main()
