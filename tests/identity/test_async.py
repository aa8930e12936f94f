"""Asynchronous sessions and connections, of psycopg and asyncpg, are guarded in the same way."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import uuid
import warnings
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event, exc, select, text
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from fixtures.databases import Database
from fixtures.identities import ADA, ASYNC, BEN, LEAVE, address, async_engine, lead_to_evil
from fixtures.people import Person, World
from mivaa_schema.identity import Identity, IdentityMissing, identify
from mivaa_schema.identity.errors import (
    AutocommitRefused,
    BadTarget,
    EngineNotGuarded,
    IdentityChanged,
    TransactionLost,
)
from mivaa_schema.models import Document
from mivaa_schema.search import search_documents

W = World()
WORKSPACES = text("select distinct workspace_id from public.documents")

Asking = AsyncSession | AsyncConnection
Scene = Callable[[AsyncEngine], Awaitable[None]]


@pytest.fixture(params=ASYNC)
def play(request: pytest.FixtureRequest, shared_world: Database) -> Callable[..., None]:
    """Run a coroutine on a guarded engine of each driver, with a pool of one."""

    def run(scene: Scene, database: Database = shared_world, **options: Any) -> None:
        async def within() -> None:
            engine = async_engine(database, request.param, **options)
            try:
                await scene(engine)
            finally:
                await engine.dispose()

        asyncio.run(within())

    return run


def connect(engine: AsyncEngine) -> AsyncConnection:
    return engine.connect()


async def seen(asking: Asking) -> set[uuid.UUID]:
    """The workspaces whose documents are visible."""
    return set((await asking.execute(WORKSPACES)).scalars())


def test_each_sees_its_own_workspace_and_no_other(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        for identity, workspace in ((ADA, W.a), (BEN, W.b), (ADA, W.a)):
            async with identify(AsyncSession(engine), identity) as session:
                assert await seen(session) == {workspace}
            async with engine.connect() as connection:
                assert await seen(identify(connection, identity)) == {workspace}

    play(scene)


def test_commit_rollback_and_savepoints_keep_the_identity(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async with identify(AsyncSession(engine), ADA) as session:
            for end in (session.commit, session.rollback):
                assert await seen(session) == {W.a}
                await end()
            async with session.begin():
                with pytest.raises(exc.DBAPIError):
                    async with session.begin_nested():
                        await session.execute(text("select 1 / 0"))
                assert await seen(session) == {W.a}
                async with session.begin_nested():
                    assert await seen(session) == {W.a}
            assert await seen(session) == {W.a}

    play(scene)


def test_nested_savepoints_keep_the_identity_however_both_end(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        for ask in (AsyncSession, connect):
            async with ask(engine) as asking:
                identify(asking, ADA)
                async with asking.begin_nested():
                    inner = await asking.begin_nested()
                    assert await seen(asking) == {W.a}
                    await inner.rollback()
                    assert await seen(asking) == {W.a}
                    async with asking.begin_nested():
                        assert await seen(asking) == {W.a}
                assert await seen(asking) == {W.a}
                await asking.commit()
                assert await seen(asking) == {W.a}

    play(scene)


def test_a_session_with_explicit_begins_keeps_its_identity(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async with identify(AsyncSession(engine, autobegin=False), ADA) as session:
            for _ in range(2):
                with pytest.raises(exc.InvalidRequestError, match="Autobegin"):
                    await seen(session)
                async with session.begin():
                    assert await seen(session) == {W.a}

    play(scene)


def test_a_flush_that_the_database_refuses_keeps_the_identity(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async with identify(AsyncSession(engine), ADA) as session:
            session.add(Document(workspace_id=W.b, user_id=ADA.user_id, title="Not mine"))
            with pytest.raises(exc.DBAPIError, match="row-level security"):
                await session.flush()
            await session.rollback()
            session.add(Document(workspace_id=W.a, user_id=ADA.user_id, title="Mine"))
            await session.flush()
            assert await seen(session) == {W.a}

    play(scene)


def test_rows_that_are_streamed_are_its_own(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async with identify(AsyncSession(engine), BEN) as session:
            rows = await session.stream_scalars(select(Document.workspace_id))
            assert {row async for row in rows} == {W.b}
        async with identify(AsyncSession(engine), ADA) as session:
            rows = await session.stream_scalars(select(Document.workspace_id))
            async for row in rows:
                assert row == W.a
                break
            await rows.close()
        async with identify(AsyncSession(engine), BEN) as session:
            assert await seen(session) == {W.b}

    play(scene)


def test_without_an_identity_there_are_no_rows_and_a_warning(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async with AsyncSession(engine) as session:
            with pytest.warns(IdentityMissing):
                assert await seen(session) == set()
        async with engine.connect() as connection:
            with pytest.warns(IdentityMissing):
                assert await seen(connection) == set()
            await connection.rollback()
            with pytest.raises(IdentityMissing):
                await seen(connection)
            with pytest.raises(exc.ResourceClosedError):
                await seen(connection)

    play(scene)


def test_misuse_is_an_error(play: Any, shared_world: Database) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async with identify(AsyncSession(engine), ADA) as session:
            assert await seen(session) == {W.a}
            with pytest.raises(IdentityChanged):
                identify(session, BEN)
            await session.execute(text("commit"))
            with pytest.raises(TransactionLost):
                await seen(session)
            # What the driver makes of a transaction that it has not ended is its own affair.
            await session.invalidate()
        async with engine.connect() as connection:
            identify(connection, ADA)
            assert await seen(connection) == {W.a}
            with pytest.raises(IdentityChanged):
                identify(connection, BEN)
        with pytest.raises(BadTarget, match="await"):
            identify(engine.connect(), ADA)
        async with identify(AsyncSession(engine), BEN) as session:
            assert await seen(session) == {W.b}

    play(scene)


def test_an_engine_in_autocommit_is_refused(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async with identify(AsyncSession(engine), ADA) as session:
            with pytest.raises(AutocommitRefused):
                await seen(session)

    play(scene, isolation_level="AUTOCOMMIT")


def test_a_connection_in_autocommit_is_refused(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            identify(connection, ADA)
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            with pytest.raises(AutocommitRefused):
                await seen(connection)
            with pytest.raises(exc.ResourceClosedError):
                await seen(connection)
        async with identify(AsyncSession(engine), ADA) as session:
            assert await seen(session) == {W.a}

    play(scene)


@pytest.mark.parametrize("driver", ASYNC)
def test_an_engine_without_a_guard_is_refused(shared_world: Database, driver: str) -> None:
    async def scene() -> None:
        engine = create_async_engine(address(shared_world, driver))
        async with AsyncSession(engine) as session:
            with pytest.raises(EngineNotGuarded):
                identify(session, ADA)
        await engine.dispose()

    asyncio.run(scene())


def test_names_in_a_schema_before_pg_catalog_are_not_taken_for_those_of_the_guard(
    play: Any, hostile_world: Database
) -> None:
    async def scene(engine: AsyncEngine) -> None:
        event.listen(engine.sync_engine, "connect", lead_to_evil)
        for who, workspace in ((ADA, W.a), (BEN, W.b)):
            async with AsyncSession(engine) as session:
                identify(session, who)
                asked = "select current_user, current_schema()"
                assert (await session.execute(text(asked))).one() == ("authenticated", "evil")
                assert set(await session.scalars(WORKSPACES)) == {workspace}
                with pytest.raises(exc.DBAPIError, match="planted"):
                    await session.execute(
                        text("select 'x'::pg_catalog.text = 'x'::pg_catalog.text")
                    )

    play(scene, hostile_world)


def test_a_factory_and_a_search_work_as_the_user(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        factory = async_sessionmaker(engine, execution_options={"mivaa_identity": ADA})
        query = [1.0, *[0.0] * 767]
        async with factory() as session:
            assert await session.run_sync(lambda s: search_documents(s, query)) == []
            assert await seen(session) == {W.a}

    play(scene)


def test_tasks_share_a_pool_and_nothing_else(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async def work(number: int) -> None:
            identity, workspace = ((ADA, W.a), (BEN, W.b))[number % 2]
            for turn in range(10):
                async with identify(AsyncSession(engine), identity) as session:
                    assert await seen(session) == {workspace}
                    await asyncio.sleep(0)
                    if turn % 3 == 0:
                        await session.commit()
                    assert await seen(session) == {workspace}

        await asyncio.gather(*(work(number) for number in range(12)))

    play(scene, pool_size=2, pool_timeout=60)


@contextlib.contextmanager
def ends_of_connections() -> Iterator[None]:
    """Where a driver ends cancelled connections behind our back, and some are found much later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            yield
        finally:
            # Here and not in some other test, where the warning would be an error.
            gc.collect()


def test_a_task_that_is_cancelled_leaves_nothing_behind(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async def sleeper(ready: asyncio.Event, kind: Any) -> None:
            async with kind(engine) as asking:
                assert await seen(identify(asking, ADA)) == {W.a}
                ready.set()
                await asking.execute(text("select pg_sleep(60)"))

        for kind in (AsyncSession, connect, AsyncSession):
            ready = asyncio.Event()
            task = asyncio.create_task(sleeper(ready, kind))
            await ready.wait()
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with identify(AsyncSession(engine), BEN) as session:
                assert await seen(session) == {W.b}

    with ends_of_connections():
        play(scene)


def test_a_task_that_is_cancelled_while_it_begins_closes_the_connection(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        for delay in range(8):
            async with identify(AsyncSession(engine), ADA) as session:
                task = asyncio.create_task(seen(session))
                for _ in range(delay):
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    assert await task == {W.a}
                except asyncio.CancelledError:
                    with contextlib.suppress(exc.SQLAlchemyError, TransactionLost):
                        assert await seen(session) == {W.a}
            async with identify(AsyncSession(engine), BEN) as session:
                assert await seen(session) == {W.b}

    with ends_of_connections():
        play(scene)


async def _nothing(_: Asking) -> None:
    pass


async def _commit(asking: Asking) -> None:
    await asking.commit()


async def _error(asking: Asking) -> None:
    with pytest.raises(exc.DBAPIError):
        await asking.execute(text("select 1 / 0"))


async def _error_and_on(asking: Asking) -> None:
    await _error(asking)
    await asking.rollback()
    await seen(asking)


async def _savepoint(asking: Asking) -> None:
    with pytest.raises(exc.DBAPIError):
        async with asking.begin_nested():
            await asking.execute(text("select 1 / 0"))


async def _unread(asking: Asking) -> None:
    rows = await asking.stream(WORKSPACES)
    assert await rows.fetchone()
    await rows.close()


async def _abandoned(asking: Asking) -> None:
    assert await (await asking.stream(WORKSPACES)).fetchone()


async def _lost(asking: Asking) -> None:
    await asking.execute(text("commit"))
    with pytest.raises(TransactionLost):
        await seen(asking)
    # What the driver makes of a transaction that it has not ended is its own affair.
    await asking.invalidate()


async def _for_the_session(asking: Asking) -> None:
    await asking.execute(text("select set_config('request.jwt.claims', '{}', false)"))
    await asking.execute(text("set session role anon"))
    await asking.commit()


async def _invalidate(asking: Asking) -> None:
    await asking.invalidate()


async def _cancelled(asking: Asking) -> None:
    task = asyncio.ensure_future(asking.execute(text("select pg_sleep(60)")))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _broken_connection(asking: Asking) -> None:
    with pytest.raises(exc.DBAPIError):
        await asking.execute(text("select pg_terminate_backend(pg_backend_pid())"))


FAULTS = (
    *(_nothing, _commit, _error, _error_and_on, _savepoint, _unread, _for_the_session, _abandoned),
    *(_nothing, _error, _commit, _savepoint, _error_and_on, _lost, _nothing, _invalidate),
    *(_commit, _cancelled, _broken_connection),
)


@pytest.mark.parametrize(
    "play", ["asyncpg", pytest.param("psycopg", marks=pytest.mark.slow)], indirect=True
)
def test_two_tenants_take_turns_a_thousand_times_with_faults_between(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        for turn in range(1000):
            identity, workspace = ((ADA, W.a), (BEN, W.b))[turn % 2]
            async with (AsyncSession, connect)[turn // 2 % 2](engine) as asking:
                identify(asking, identity)
                assert await seen(asking) == {workspace}, f"turn {turn}"
                await FAULTS[turn % len(FAULTS)](asking)

    with ends_of_connections():
        play(scene)


def test_a_request_names_its_workspace(play: Any) -> None:
    async def scene(engine: AsyncEngine) -> None:
        claims = Person("both").claims
        for workspace in (W.b, W.a):
            identity = Identity.from_claims(claims, workspace_id=workspace)
            async with identify(AsyncSession(engine), identity) as session:
                assert await seen(session) == {workspace}

    play(scene)


@pytest.mark.parametrize("what", LEAVE)
def test_a_request_leaves_nothing_behind_on_its_connection(play: Any, what: str) -> None:
    leave, look, expected = LEAVE[what]

    async def scene(engine: AsyncEngine) -> None:
        async with identify(AsyncSession(engine), Identity.service()) as session:
            await session.execute(text(leave))
            await session.commit()
        async with engine.connect() as connection:
            found = await (identify(connection, Identity.service())).scalar(text(look))
            # Within a guarded transaction, the role is that of the transaction.
            assert found == (expected if what != "role" else "service_role")

    play(scene)


def test_a_statement_that_the_driver_prepared_cannot_be_replaced(play: Any) -> None:
    mine = text("select distinct workspace_id from public.documents")
    prepared = text("select name from pg_prepared_statements")

    async def scene(engine: AsyncEngine) -> None:
        for _ in range(8):
            async with identify(AsyncSession(engine), BEN) as session:
                assert set(await session.scalars(mine)) == {W.b}
        async with identify(AsyncSession(engine), BEN) as session:
            for _ in range(8):
                await session.execute(mine)
            names = list(await session.scalars(prepared))
            assert names, "the driver prepares nothing, so nothing is tested"
            for name in names:
                await session.execute(text(f'deallocate "{name}"'))
                await session.execute(
                    text(
                        f"prepare \"{name}\" as select set_config('role', 'service_role', true),"
                        " id as workspace_id from public.workspaces"
                    )
                )
            await session.commit()
        for _ in range(8):
            async with identify(AsyncSession(engine), ADA) as session:
                assert await session.scalar(text("select current_user")) == "authenticated"
                assert set(await session.scalars(mine)) == {W.a}

    play(scene)
