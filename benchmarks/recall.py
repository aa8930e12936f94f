"""Recall@10 of the search functions against exact search, by the size of the workspace."""

from __future__ import annotations

import uuid

import harness
import numpy as np
from harness import Tenants, Verdicts, acting_for, execute, literal
from sqlalchemy.engine import Connection

FUNCTIONS = ("search_documents_hybrid", "search_document_chunks_hybrid")


def recall(
    connection: Connection, function: str, tenants: Tenants, tenant: harness.Tenant, queries: int
) -> tuple[float, int]:
    """Mean share of the ten nearest rows that are found, and the smallest number of rows."""
    row_of = tenants.document if function == FUNCTIONS[0] else tenants.chunk
    vectors = tenants.vectors_of(tenant).astype(np.float64)
    shares, fewest = [], 10
    for query in tenants.queries(tenant, queries):
        nearest = np.argsort(-(vectors @ query))[:10]
        exact = {row_of(tenant.first + int(row)) for row in nearest}
        call = f"select id from public.{function}('{literal(query)}', match_threshold => -1)"
        found = {uuid.UUID(str(row[0])) for row in execute(connection, call)}
        shares.append(len(found & exact) / 10)
        fewest = min(fewest, len(found))
    return float(np.mean(shares)), fewest


def main() -> None:
    """Run."""
    options = harness.arguments(__doc__, rows=100_000, queries=100)
    verdicts = Verdicts(options.picture)
    tenants = Tenants(options.rows)
    with harness.upgraded_database(options, "search") as (engine, new):
        if new:
            tenants.create(engine)
        for function in FUNCTIONS:
            for tenant in tenants.looked_at():
                with acting_for(engine, tenant) as connection:
                    share, fewest = recall(connection, function, tenants, tenant, options.queries)
                goal = 1.0 if tenant.size <= 200 else 0.99
                verdicts.at_least(f"{function}: recall@10 of {tenant.size}", goal, share)
                if fewest < 10:
                    verdicts.at_least(f"{function}: rows of {tenant.size}", 10, fewest)
    verdicts.exit()


if __name__ == "__main__":
    main()
