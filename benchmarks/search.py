"""The search functions against the same search written out, by the size of the workspace."""

from __future__ import annotations

import harness
import numpy as np
from harness import Tenant, Tenants, Verdicts, acting_for, execute, literal, medians
from sqlalchemy.engine import Connection, Engine

SETTINGS = ("hnsw.iterative_scan = relaxed_order", "hnsw.ef_search = 200")


def documents(tenant: Tenant, query: str, order: str = "distance") -> str:
    """What an application would send that knows all that the function knows."""
    return f"""
with near as materialized (
  select id, title, content, metadata, embedding_model, embedding_v2 <=> '{query}' as distance
  from public.documents
  where workspace_id = '{tenant.id}' and status in ('active', 'published')
    and embedding_v2 is not null
  order by {order} limit 10
)
select id, title, content, 1 - distance, 'v2', metadata, embedding_model
from near order by distance + 0, id"""


def chunks(tenant: Tenant, query: str, order: str | None = None) -> str:
    """The same for chunks: twenty by half precision, of which ten by the full one."""
    order = order or f"embedding_v2::halfvec(768) <=> '{query}'::halfvec(768)"
    return f"""
with near as materialized (
  select id, document_id, chunk_index, content, page_number, metadata, embedding_model,
    embedding_v2 <=> '{query}' as distance
  from public.document_chunks
  where workspace_id = '{tenant.id}' and embedding_v2 is not null
  order by {order} limit 20
)
select n.id, n.document_id, n.chunk_index, n.content, 1 - n.distance, 'v2', n.page_number,
  n.metadata, n.embedding_model
from near n
join public.documents d on d.workspace_id = '{tenant.id}' and d.id = n.document_id
  and d.status in ('active', 'published')
order by n.distance + 0, n.id limit 10"""


FORMS = {"search_documents_hybrid": documents, "search_document_chunks_hybrid": chunks}


def prepare(connection: Connection) -> None:
    """Make the settings that the function makes by itself."""
    execute(connection, "select '[1]'::vector")
    for setting in SETTINGS:
        execute(connection, f"set local {setting}")


def against_raw(
    engine: Engine, tenants: Tenants, tenant: Tenant, function: str, rounds: int
) -> dict[str, float]:
    """Medians in milliseconds: the function, with a threshold nobody passes, and two raw forms."""
    queries = [literal(query) for query in tenants.queries(tenant, rounds + 3)]
    raw = FORMS[function]
    plus_zero = "(embedding_v2 <=> '{}') + 0"
    call = f"select * from public.{function}('{{}}')"
    hopeless = f"select * from public.{function}('{{}}', match_threshold => 0.9999)"
    with acting_for(engine, tenant) as connection:
        prepare(connection)
        forms = {
            "function": lambda n: execute(connection, call.format(queries[n])),
            "nobody passes": lambda n: execute(connection, hopeless.format(queries[n])),
            "raw": lambda n: execute(connection, raw(tenant, queries[n])),
        }
        if tenant.size <= 5_000:
            forms["raw, exact"] = lambda n: execute(
                connection, raw(tenant, queries[n], plus_zero.format(queries[n]))
            )
        return medians(harness.alternate(forms, rounds))


def alternating(engine: Engine, tenants: Tenants, function: str, repeats: int) -> float:
    """Calls 31 to 35 of a tenant on one connection against its first five, others in between."""
    big, *others = reversed(tenants.looked_at())
    ratios = []
    for repeat in range(repeats):
        with engine.connect() as connection:

            def ask(tenant: Tenant, n: int, connection: Connection = connection) -> float:
                query = literal(tenants.queries(tenant, 40)[n % 40])
                call = f"select * from public.{function}('{query}')"
                with connection.begin():
                    execute(connection, f"set local request.jwt.claims = '{tenant.claims}'")
                    execute(connection, "set local role authenticated")
                    return harness.seconds(lambda: execute(connection, call))

            first = [ask(big, repeat + n) for n in range(5)]
            for n in range(30):
                ask(others[n % len(others)], n)
            last = [ask(big, repeat + n) for n in range(5)]
        ratios.append(np.median(last) / np.median(first))
    return float(np.median(ratios))


def main() -> None:
    """Run."""
    options = harness.arguments(__doc__, rows=100_000, rounds=100)
    verdicts = Verdicts(options.picture)
    tenants = Tenants(options.rows)
    with harness.upgraded_database(options, "search") as (engine, new):
        if new:
            tenants.create(engine)
        for function in FORMS:
            for tenant in tenants.looked_at():
                ms = against_raw(engine, tenants, tenant, function, options.rounds)
                print(tenant.size, {name: round(value, 2) for name, value in ms.items()})
                best = min(value for name, value in ms.items() if name.startswith("raw"))
                what = f"{function} of {tenant.size}"
                verdicts.at_most(f"{what} / raw", 1.1, ms["function"] / best)
                ratio = ms["nobody passes"] / ms["function"]
                verdicts.at_most(f"{what}, nobody passes / without", 1.3, ratio)
            ratio = alternating(engine, tenants, function, 9)
            verdicts.at_most(f"{function} after 30 calls / first five", 1.2, ratio)
    verdicts.exit()


if __name__ == "__main__":
    main()
