"""What it takes to insert many embedded chunks, and how much the vector index is of that.

Goals: at most 1.2 times the same rows inserted into a bare table with the same vector index; for an
initial load, at least 4 times faster without the index, its build included.

The functions of `examples/bulk_load.py` insert the rows: `load` in batches of 1,000 through the
live index, `copy` by binary COPY before the index is built. The bare table has a primary key and
the vector index, and gets the same statements as `load` sends.

    python benchmarks/bulk_load.py [--rows 10000] [--rounds 3]
"""

from __future__ import annotations

import itertools
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np
from harness import Verdicts, arguments, clustered, seconds, upgraded_database
from sqlalchemy import MetaData, Table, insert
from sqlalchemy.orm import Session

from examples.bulk_load import BATCH, Passage, copy, load
from mivaa_schema.models import Document, DocumentChunk, Workspace

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

GOAL, GOAL_WITHOUT_INDEX = 1.2, 4.0
INDEX = "idx_document_chunks_embedding_v2_cosine"
HNSW = "using hnsw ((embedding_v2::halfvec(768)) halfvec_cosine_ops) with (ef_construction = 128)"

BARE = f"""
create table public.bare_chunks (like public.document_chunks including defaults including storage);
alter table public.bare_chunks add primary key (id);
create index bare_chunks_idx on public.bare_chunks {HNSW};
"""


def rows_of(document: Document, passages: list[Passage]) -> list[dict[str, Any]]:
    """Rows of the bare table."""
    return [
        {
            "workspace_id": document.workspace_id,
            "document_id": document.id,
            "chunk_index": number,
            "content": passage.content,
            "embedding_v2": passage.embedding,
        }
        for number, passage in enumerate(passages)
    ]


def fill(engine: Engine, bare: Table, document: Document, passages: list[Passage]) -> None:
    """Insert rows into the bare table as `load` does into ours."""
    with engine.connect() as connection:
        for start in range(0, len(passages), BATCH):
            batch = passages[start : start + BATCH]
            connection.execute(insert(bare), rows_of(document, batch))
            connection.commit()


def empty(engine: Engine, *statements: str) -> None:
    """Empty both tables, which leaves their indexes empty too."""
    with engine.begin() as connection:
        connection.exec_driver_sql("truncate public.document_chunks, public.bare_chunks")
        for statement in statements:
            connection.exec_driver_sql(statement)


def main() -> None:
    """Alternate the three ways."""
    options = arguments(__doc__, rows=10_000, rounds=3)
    text = "lorem ipsum " * 40
    passages = [
        Passage(f"Passage {number}: {text}", vector)
        for number, vector in enumerate(clustered(np.random.default_rng(1), options.rows))
    ]
    with upgraded_database(options, "bulk_load") as (engine, _):
        with Session(engine) as session:
            workspace = Workspace(name="North")
            session.add(workspace)
            session.flush()
            document = Document(workspace_id=workspace.id, title="Long")
            session.add(document)
            session.commit()
            session.refresh(document)
            session.expunge(document)
        with engine.begin() as connection:
            connection.exec_driver_sql(BARE)
        bare = Table("bare_chunks", MetaData(), *_columns(), schema="public")

        def loaded() -> None:
            with Session(engine) as session:
                load(session, document, passages, "model")

        def copied() -> None:
            copy(engine, document, passages, "model")
            with engine.begin() as connection:
                connection.exec_driver_sql("set local maintenance_work_mem = '1GB'")
                connection.exec_driver_sql(f"create index {INDEX} on public.document_chunks {HNSW}")

        ways = {
            "bare": lambda: fill(engine, bare, document, passages),
            "load": loaded,
            "copy": copied,
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _, way in itertools.product(range(options.rounds), ways):
            empty(engine, *([f"drop index public.{INDEX}"] if way == "copy" else []))
            times[way].append(seconds(ways[way]))
    took = {way: statistics.median(values) for way, values in times.items()}
    print({way: f"{value:.1f} s" for way, value in took.items()})
    verdicts = Verdicts(options.picture)
    verdicts.at_most(
        "chunks, against a bare table with the index", GOAL, took["load"] / took["bare"]
    )
    verdicts.at_least(
        "initial load, index built after", GOAL_WITHOUT_INDEX, took["load"] / took["copy"]
    )
    verdicts.exit()


def _columns() -> Any:
    names = ("id", "workspace_id", "document_id", "chunk_index", "content", "embedding_v2")
    return [DocumentChunk.__table__.columns[name]._copy() for name in names]


if __name__ == "__main__":
    main()
