"""Vectors of our models on an application's own engine: every driver, codec and search path."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pgvector.asyncpg
import pgvector.psycopg
import pgvector.psycopg2
import pytest
import sqlalchemy as sa
from pgvector import HalfVector, Vector
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session, aliased

from fixtures.databases import Database
from fixtures.identities import ADA, W, address
from mivaa_schema.identity import guard, identify
from mivaa_schema.models import DIMENSIONS, LEGACY_DIMENSIONS, Document, DocumentChunk
from mivaa_schema.models.vectors import Embedding
from mivaa_schema.search import search_chunks

EAST = [1.0] + [0.0] * (DIMENSIONS - 1)
NORTH = [0.0, 1.0] + [0.0] * (DIMENSIONS - 2)
BETWEEN = [0.8, 0.6] + [0.0] * (DIMENSIONS - 2)

DRIVERS = ("psycopg2", "psycopg", "asyncpg")

KINDS: dict[str, Callable[[list[float]], Any]] = {
    "list": lambda numbers: numbers,
    "tuple": tuple,
    "f4": lambda numbers: np.array(numbers, dtype=np.float32),
    "f8": np.array,
    "Vector": Vector,
    "HalfVector": HalfVector,
    "text": str,
}

VECTOR_SCHEMA = """
select extnamespace::regnamespace::text from pg_catalog.pg_extension where extname = 'vector'
"""


def in_transaction(
    made: Database, driver: str, path: str, registered: bool, guarded: bool, work: Any
) -> Any:
    """What a function returns that gets a connection of an application's own engine."""
    url = address(made, driver)
    with made.owner() as connection:
        schema = str(connection.scalar(sa.text(VECTOR_SCHEMA)))
    if driver == "asyncpg":
        return asyncio.run(_in_asyncpg(url, path, schema if registered else "", guarded, work))
    engine = sa.create_engine(url, connect_args={"options": f"-c search_path={path}"})
    if registered:
        module: Any = pgvector.psycopg2 if driver == "psycopg2" else pgvector.psycopg
        event.listen(engine, "connect", lambda raw, _: module.register_vector(raw))
    with (guard(engine) if guarded else engine).connect() as connection:
        done = work(identify(connection, ADA) if guarded else connection)
        connection.commit()
    engine.dispose()
    return done


async def _in_asyncpg(url: sa.URL, path: str, schema: str, guarded: bool, work: Any) -> Any:
    engine = create_async_engine(url, connect_args={"server_settings": {"search_path": path}})
    if schema:

        @event.listens_for(engine.sync_engine, "connect")
        def register(raw: Any, _: Any) -> None:
            raw.run_async(lambda own: pgvector.asyncpg.register_vector(own, schema=schema))

    async with (guard(engine) if guarded else engine).connect() as connection:
        done = await connection.run_sync(lambda own: work(identify(own, ADA) if guarded else own))
        await connection.commit()
    await engine.dispose()
    return done


def write_and_compare(connection: Connection) -> None:
    """Write vectors of every kind, read them, and order by their distance."""
    document = Document(workspace_id=W.a, user_id=ADA.user_id, title="Vectors")
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        session.add(document)
        session.flush()
        for number, kind in enumerate(KINDS.values()):
            session.add(
                DocumentChunk(
                    workspace_id=W.a, document_id=document.id, chunk_index=number, content="x",
                    embedding=kind([1.0] * LEGACY_DIMENSIONS), embedding_v2=kind(BETWEEN),
                )
            )  # fmt: skip
        document.embedding_v2 = NORTH
        session.commit()
        assert document.embedding_v2 == NORTH
        assert len(document.chunks) == len(KINDS)
        for chunk in document.chunks:
            assert chunk.embedding == [1.0] * LEGACY_DIMENSIONS
            assert chunk.embedding_v2 == pytest.approx(BETWEEN, abs=1e-3)
        mine = DocumentChunk.document_id == document.id
        for kind in KINDS.values():
            distance = DocumentChunk.embedding_v2.cosine_distance(kind(EAST))
            found = session.execute(
                sa.select(distance).where(mine, distance < 0.5).order_by(distance)
            ).scalars()
            assert list(found) == pytest.approx([0.2] * len(KINDS), abs=1e-3)
            assert session.scalar(
                sa.select(Document.cosine_distance(kind(NORTH))).where(Document.id == document.id)
            ) == pytest.approx(0)
        other = aliased(Document)
        legacy = DocumentChunk.embedding.cosine_distance([1.0] * LEGACY_DIMENSIONS)
        one = session.execute(
            sa.select(
                Document.embedding_v2.l2_distance(EAST),
                Document.embedding_v2.l1_distance(EAST),
                Document.embedding_v2.max_inner_product(NORTH),
                Document.embedding_v2.cosine_distance(other.embedding_v2),
                other.embedding_v2.cosine_distance(EAST),
                legacy,
            )
            .join(other, other.id == Document.id)
            .join(DocumentChunk, DocumentChunk.document_id == Document.id)
            .where(Document.id == document.id)
            .limit(1)
        ).one()
        assert tuple(one) == pytest.approx((2**0.5, 2, -1, 0, 1, 0), abs=1e-3)
        found = search_chunks(session, Vector(EAST), workspace_id=W.a)
        assert {hit.document_id for hit in found} == {document.id}


@pytest.fixture(params=["extensions", "public"])
def placed(request: pytest.FixtureRequest, world_database: Database) -> Database:
    """The schema with pgvector in either schema."""
    with world_database.superuser() as connection:
        connection.exec_driver_sql(f"alter extension vector set schema {request.param}")
    return world_database


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("guarded", [False, True], ids=["bare", "guarded"])
@pytest.mark.parametrize(
    ("path", "registered"),
    [("public", False), ("public,extensions", True)],
    ids=["plain", "registered"],
)
def test_vectors_are_written_read_and_compared(
    placed: Database, driver: str, path: str, registered: bool, guarded: bool
) -> None:
    in_transaction(placed, driver, path, registered, guarded, write_and_compare)


@contextmanager
def filled(made: Database) -> Iterator[None]:
    """So many embedded chunks that an index is worth its while."""
    with made.owner() as connection:
        connection.execute(
            sa.text(
                "insert into public.document_chunks"
                " (workspace_id, document_id, chunk_index, content, embedding_v2)"
                " select d.workspace_id, d.id, n, 'x',"
                " (select array_agg(sin(n * g)) from generate_series(1, 768) g)::vector"
                " from (select * from public.documents where workspace_id = :mine limit 1) d,"
                " generate_series(1, 2000) n"
            ),
            {"mine": W.a},
        )
        connection.exec_driver_sql("analyze public.document_chunks")
    yield


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("guarded", [False, True], ids=["bare", "guarded"])
def test_order_by_distance_of_chunks_walks_their_index(
    placed: Database, driver: str, guarded: bool
) -> None:
    def plan(connection: Connection) -> Any:
        nearest = (
            sa.select(DocumentChunk.id)
            .order_by(DocumentChunk.embedding_v2.cosine_distance(np.array(EAST)))
            .limit(5)
        )
        literal = nearest.compile(connection, compile_kwargs={"literal_binds": True})
        found = connection.exec_driver_sql(f"explain (format json) {literal}").scalar_one()
        return found if isinstance(found, list) else json.loads(str(found))

    with filled(placed):
        found = in_transaction(placed, driver, "public", False, guarded, plan)
    assert "idx_document_chunks_embedding_v2_cosine" in json.dumps(found)


def test_array_with_two_dimensions_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 768\), expected one dimension"):
        Document(embedding_v2=np.zeros((1, DIMENSIONS)))


def test_what_was_assigned_is_read_as_a_list_at_once() -> None:
    document = Document(embedding_v2=np.array(EAST, dtype=np.float32))
    assert document.embedding_v2 == EAST
    document.embedding_v2 = str(NORTH)
    assert document.embedding_v2 == NORTH
    document.embedding_v2 = None
    assert document.embedding_v2 is None
    assert Document(embedding_v2=sa.null()).embedding_v2 is not None  # SQL stays SQL


NO_VECTORS: tuple[Any, ...] = (
    "0.1,0.2", "11,2,33", "[1,2", "[a]", b"abc", {"a": 1.0}, {1.0}, 5, [[1, 2]], ["x"], [2**2000],
    np.array([1j]), np.float32(3), iter([1.0]),
)  # fmt: skip


@pytest.mark.parametrize("value", NO_VECTORS, ids=range(len(NO_VECTORS)))
def test_what_is_no_vector_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"is no vector|expected one dimension"):
        Document(embedding_v2=value)


def test_blanks_around_a_text_are_those_of_postgresql() -> None:
    assert Document(embedding_v2=" [1, 2]\n").embedding_v2 == [1.0, 2.0]


@pytest.mark.parametrize("driver", DRIVERS)
def test_distance_takes_parameters_and_variables_of_lambdas(
    world_database: Database, driver: str
) -> None:
    def work(connection: Connection) -> None:
        with Session(connection) as session:
            document = Document(workspace_id=W.a, user_id=ADA.user_id, embedding_v2=NORTH)
            session.add(document)
            session.flush()
            distance = Document.embedding_v2.cosine_distance(sa.bindparam("query"))
            asked = sa.select(distance).where(Document.id == document.id)
            assert session.scalar(asked, {"query": np.array(NORTH)}) == pytest.approx(0)
            query, key = EAST, document.id
            found = session.scalars(
                sa.lambda_stmt(
                    lambda: sa.select(Document.embedding_v2.cosine_distance(query)).where(
                        Document.id == key
                    )
                )
            )
            assert found.one() == pytest.approx(1)

    in_transaction(world_database, driver, "public", False, False, work)


def test_half_precision_is_for_the_dimensions_of_its_index() -> None:
    with pytest.raises(ValueError, match="half precision for 3 dimensions, expected 768"):
        sa.column("own", Embedding(3, half=True)).cosine_distance([1, 2, 3])
    assert repr(Embedding(768, half=True)) == "Embedding(dim=768, half=True)"
