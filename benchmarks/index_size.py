"""The chunk index in half precision against one in full precision: size on disk, and recall."""

from __future__ import annotations

import harness
from harness import Tenants, Verdicts, acting_for
from recall import recall
from sqlalchemy.engine import Engine

NAME = "idx_document_chunks_embedding_v2_cosine"


def size(engine: Engine, name: str) -> int:
    """Bytes on disk."""
    with engine.connect() as connection:
        sql = f"select pg_relation_size('public.{name}')"
        return int(connection.exec_driver_sql(sql).scalar_one())


def main() -> None:
    """Run."""
    options = harness.arguments(__doc__, rows=100_000, queries=100)
    verdicts = Verdicts(options.picture)
    tenants = Tenants(options.rows)
    big = tenants.all[0]
    with harness.upgraded_database(options, "search") as (engine, new):
        if new:
            tenants.create(engine)
        # The documents have the same vectors, and an index in full precision.
        half, full = size(engine, NAME), size(engine, "idx_documents_embedding_v2_cosine")
        print(f"half precision {half / 1e6:.0f} MB, full precision {full / 1e6:.0f} MB")
        verdicts.at_most("chunk index on disk / full precision", 0.55, half / full)
        with acting_for(engine, big) as connection:
            share = {
                function: recall(connection, function, tenants, big, options.queries)[0]
                for function in ("search_documents_hybrid", "search_document_chunks_hybrid")
            }
    loss = share["search_documents_hybrid"] - share["search_document_chunks_hybrid"]
    verdicts.at_most(f"recall lost by half precision, workspace of {big.size}", 0.01, loss)
    verdicts.exit()


if __name__ == "__main__":
    main()
