"""The searches of an asynchronous application, through psycopg and asyncpg."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from fixtures.databases import Database
from fixtures.identities import ADA, ASYNC, W, async_engine
from mivaa_schema.identity import identify
from mivaa_schema.search import (
    FoundChunk,
    FoundDocument,
    search_chunks_async,
    search_documents_async,
)

QUERY = [1.0] + [0.0] * 767


@pytest.mark.parametrize("driver", ASYNC)
def test_sessions_and_connections_find_their_own_rows(
    world_database: Database, driver: str
) -> None:
    with world_database.owner() as connection:
        for table in ("documents", "document_chunks"):
            sql = f"update public.{table} set embedding_v2 = cast(:query as vector)"
            connection.execute(sa.text(sql), {"query": str(QUERY)})
        mine = "select id from public.{} where workspace_id = :mine"
        documents, chunks = (
            set(connection.scalars(sa.text(mine.format(table)), {"mine": W.a}))
            for table in ("documents", "document_chunks")
        )

    async def search() -> tuple[list[FoundDocument], list[FoundChunk]]:
        engine = async_engine(world_database, driver)
        try:
            async with identify(AsyncSession(engine), ADA) as session:
                found = await search_documents_async(session, QUERY, match_count=100)
            async with engine.connect() as connection:
                return found, await search_chunks_async(identify(connection, ADA), QUERY)
        finally:
            await engine.dispose()

    found, passages = asyncio.run(search())
    assert found
    assert {document.id for document in found} <= documents
    assert passages
    assert {passage.id for passage in passages} <= chunks
