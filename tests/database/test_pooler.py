"""An upgrade runs where connections keep their session, and nowhere else."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from fixtures.bouncers import Bouncer, bouncer, load, needs_pgbouncer
from fixtures.clusters import Kind, Servers
from fixtures.databases import OWNER, Database
from mivaa_schema.database import create_engine, database_url
from mivaa_schema.database.failures import CannotConnect
from mivaa_schema.database.pooler import TransactionPooler, declared, refuse_transaction_pooler
from mivaa_schema.migrations import UPGRADE_LOCK
from mivaa_schema.server import EmbeddedServer
from mivaa_schema.settings import BadSetting, Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(
    servers: Servers, platform_template: Callable[[int], str], pytestconfig: pytest.Config
) -> EmbeddedServer:
    """The server of the session, with the role that runs the chain."""
    major = Kind.of(pytestconfig).major
    platform_template(major)
    return servers(major)


def refuses(url: str, setting: str = "auto") -> bool:
    try:
        refuse_transaction_pooler(database_url(url), setting)
    except TransactionPooler:
        return True
    return False


# What is said


def test_setting_is_read_from_x_and_from_the_environment() -> None:
    assert Settings().pooler == "auto"
    environ = {"MIVAA_POOLER": "session"}
    assert Settings.resolve({}, environ).pooler == "session"
    assert Settings.resolve({"pooler": "direct"}, environ).pooler == "direct"
    with pytest.raises(BadSetting, match="auto, direct, session or transaction"):
        Settings.resolve({"pooler": "statement"}, {})


NOWHERE = "postgresql://me:hunter2@/db?host=/nowhere&port=6543"


def test_transaction_pooler_of_the_setting_is_refused_without_a_comparison() -> None:
    with pytest.raises(TransactionPooler) as failure:
        refuse_transaction_pooler(database_url(NOWHERE), "transaction")
    assert "`-x pooler=transaction` (or MIVAA_POOLER) says so" in str(failure.value)
    assert "port 5432 instead of 6543" in str(failure.value)
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize("setting", ["session", "direct"])
@pytest.mark.parametrize(
    "url",
    [NOWHERE, f"{NOWHERE}&pgbouncer=true", "postgres://me@aws-0-eu.pooler.supabase.com:6543/"],
)
def test_session_pooler_of_the_setting_is_believed_without_a_comparison(
    url: str, setting: str
) -> None:
    assert not refuses(url, setting)


def test_address_is_asked_when_nothing_is_said() -> None:
    with pytest.raises(CannotConnect):
        refuse_transaction_pooler(database_url(NOWHERE))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgres://u.ref:hunter2@aws-0-eu-west-1.pooler.supabase.com:6543/db", "port 5432"),
        ("postgres://u:hunter2@DB.abc.supabase.co:6543/db", "port 5432"),
        ("postgres://u:hunter2@here,aws-0-eu.pooler.supabase.com:5432,x:6543/db", None),
        ("postgres://u:hunter2@here:5432,aws-0-eu.pooler.supabase.com:6543/db", "port 5432"),
        ("postgres://u:hunter2@/db?host=a.pooler.supabase.com&port=6543", "port 5432"),
        ("postgres://u:hunter2@ep-a-1-pooler.eu-1.aws.neon.tech/db", "host without `-pooler`"),
        ("postgres://u:hunter2@here/db?pgbouncer=true&connection_limit=1", "`pgbouncer=true`"),
        ("postgres://u:hunter2@here/db?pool_mode=transaction", "`pool_mode=transaction`"),
        ("postgres://u:hunter2@here/db?pool_mode=statement", "`pool_mode=statement`"),
        ("postgres://u:hunter2@aws-0-eu-west-1.pooler.supabase.com:5432/db", None),
        ("postgres://u:hunter2@aws-0-eu-west-1.pooler.supabase.com/db", None),
        ("postgres://u:hunter2@db.abc.supabase.co/db", None),
        ("postgres://u:hunter2@ep-a-1.eu-1.aws.neon.tech/db", None),
        ("postgres://u:hunter2@localhost:6543/db", None),
        ("postgres://u:hunter2@localhost:6432/db", None),
        ("postgres://u:hunter2@here/db?pgbouncer=false", None),
        ("postgres://u:hunter2@here/db?pool_mode=session&pool_timeout=0", None),
        ("postgres:///db?host=/run/pg", None),
        ("postgres:///db", None),
    ],
)
def test_address_tells_a_transaction_pooler(url: str, words: str | None) -> None:
    found = declared(database_url(url))
    if words is None:
        assert found is None
    else:
        with pytest.raises(TransactionPooler) as failure:
            refuse_transaction_pooler(database_url(url))
        assert words in str(failure.value)
        assert "hunter2" not in str(failure.value)


def test_address_with_hints_connects_as_without_them(platform_database: Database) -> None:
    url = f"{platform_database.url()}&pgbouncer=true&connection_limit=1&pool_timeout=0&supa=x"
    with create_engine(url).connect() as connection:
        name = connection.exec_driver_sql("select current_database()").scalar_one()
    assert name == platform_database.name


# What is found


@pytest.mark.parametrize("times", [20, pytest.param(300, marks=pytest.mark.slow)])
def test_direct_connection_is_never_refused(server: EmbeddedServer, times: int) -> None:
    url = server.url("postgres", OWNER)
    with load(url, clients=4):
        assert not any(refuses(url) for _ in range(times))


@needs_pgbouncer
@pytest.mark.parametrize("times", [5, pytest.param(40, marks=pytest.mark.slow)])
def test_session_pooler_is_never_refused(server: EmbeddedServer, times: int) -> None:
    # More clients than connections: some wait for one that another client had before.
    with (
        bouncer(server, "session", default_pool_size=4) as pool,
        load(pool.url("postgres"), clients=6),
    ):
        assert not any(refuses(pool.url("postgres")) for _ in range(times))


@needs_pgbouncer
@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("size", [1, 2, 20])
@pytest.mark.parametrize("robin", [0, 1])
def test_pooler_without_sessions_is_refused(
    server: EmbeddedServer, mode: str, size: int, robin: int
) -> None:
    with bouncer(server, mode, default_pool_size=size, server_round_robin=robin) as pool:
        open_connections(pool, size)
        for _ in range(5):
            with pytest.raises(TransactionPooler) as failure:
                refuse_transaction_pooler(database_url(pool.url("postgres")))
    assert "server process" in str(failure.value)
    assert "on Supabase that is port 5432 instead of 6543" in str(failure.value)
    assert "`-x pooler=session`" in str(failure.value)
    assert "Nothing was changed" in str(failure.value)


@needs_pgbouncer
@pytest.mark.parametrize("times", [20, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("size", "clients"), [(1, 2), (3, 6), (20, 4)])
@pytest.mark.parametrize("robin", [0, 1])
def test_transaction_pooler_in_use_is_refused(
    server: EmbeddedServer, times: int, size: int, clients: int, robin: int
) -> None:
    with (
        bouncer(server, "transaction", default_pool_size=size, server_round_robin=robin) as pool,
        load(pool.url("postgres"), clients),
    ):
        assert all(refuses(pool.url("postgres")) for _ in range(times))


@needs_pgbouncer
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_comparison_leaves_no_setting_behind(server: EmbeddedServer, mode: str) -> None:
    with bouncer(server, mode, default_pool_size=2, server_reset_query="") as pool:
        before = settings_of_session(pool)
        assert refuses(pool.url("postgres")) is (mode == "transaction")
        assert settings_of_session(pool) == before
        # This is what it would look like.
        run(pool, "set search_path = elsewhere")
        assert settings_of_session(pool) != before


def open_connections(pool: Bouncer, number: int) -> None:
    """Have the pooler open so many connections to the server, and leave them idle."""
    with ThreadPoolExecutor(number) as clients:
        asked = "select pg_backend_pid() from pg_sleep(0.3)"
        pids = list(clients.map(lambda _: run(pool, asked), range(number)))
    assert len({pid for ((pid,),) in pids}) == number


def settings_of_session(pool: Bouncer, database: str = "postgres") -> list[tuple[object, ...]]:
    """What was set in the session of the server that the pooler gives next."""
    # The pooler itself sets the name of each client, and leaves it to one without a name.
    set_there = """
        select name, setting from pg_settings
        where source = 'session' and name <> 'application_name' order by name
    """
    return run(pool, set_there, database)


def run(pool: Bouncer, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
    with contextlib.closing(psycopg2.connect(pool.url(database))) as client:
        client.autocommit = True
        with client.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


# The chain


def alembic_process(url: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "alembic", "-x", f"url={url}", *words],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MIVAA_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end_of(run: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and what was printed."""
    printed, _ = run.communicate()
    return run.returncode, printed


@needs_pgbouncer
def test_chain_goes_up_and_down_through_a_session_pooler(
    platform_database: Database, head_database: Database
) -> None:
    empty = platform_database.dump()
    with bouncer(platform_database.server, "session") as pool:
        url = pool.url(platform_database.name)
        code, printed = end_of(alembic_process(url, "upgrade", "head"))
        assert code == 0, printed
        assert platform_database.dump() == head_database.dump()
        code, printed = end_of(alembic_process(url, "downgrade", "base"))
        assert code == 0, printed
    assert platform_database.dump() == empty


@pytest.mark.slow
@needs_pgbouncer
@pytest.mark.parametrize(("state", "lock_timeout"), [("waiting", "20"), ("idle", "0.05")])
def test_upgrade_that_was_killed_behind_a_session_pooler_blocks_no_other(
    platform_database: Database, head_database: Database, state: str, lock_timeout: str
) -> None:
    platform_database.upgrade("0005")
    with bouncer(platform_database.server, "session") as pool:
        url = pool.url(platform_database.name)
        with platform_database.owner() as user:
            # The upgrade has to wait for this one, in a statement or between two tries.
            user.exec_driver_sql("select count(*) from public.documents")
            killed = alembic_process(
                url,
                "-x",
                f"lock_timeout={lock_timeout}",
                "-x",
                "lock_retries=1000",
                "upgrade",
                "head",
            )
            wait_until(lambda: holder(platform_database) == state, killed)
            killed.kill()
            assert end_of(killed)[0] == -signal.SIGKILL
        wait_until(lambda: holder(platform_database) is None)
        code, printed = end_of(alembic_process(url, "upgrade", "head"))
        assert code == 0, printed
    assert platform_database.dump() == head_database.dump()


def holder(database: Database) -> str | None:
    """What the session does that holds the lock of an upgrade; None, if there is no such one."""
    with database.superuser() as connection:
        found = connection.execute(
            sa.text(
                "select case when a.wait_event_type = 'Lock' then 'waiting' else a.state end"
                " from pg_locks l join pg_stat_activity a using (pid)"
                " where l.locktype = 'advisory' and l.granted and a.datname = current_database()"
                "   and (l.classid::bigint << 32 | l.objid::bigint) = :key"
            ),
            {"key": UPGRADE_LOCK},
        )
        state: str | None = found.scalar()
        return state


def wait_until(done: Callable[[], bool], run: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        assert run is None or run.poll() is None, end_of(run)
        time.sleep(0.02)


@needs_pgbouncer
@pytest.mark.parametrize(("mode", "size"), [("transaction", 1), ("statement", 20)])
def test_chain_changes_nothing_through_a_pooler_without_sessions(
    platform_database: Database, mode: str, size: int
) -> None:
    platform_database.upgrade("0002")
    before = platform_database.dump()
    with bouncer(platform_database.server, mode, default_pool_size=size) as pool:
        url = pool.url(platform_database.name)
        for words in (("upgrade", "head"), ("downgrade", "base")):
            code, printed = end_of(alembic_process(url, *words))
            assert code != 0
            assert "leads through a transaction pooler: two connections" in printed
            assert "port 5432 instead of 6543" in printed
            assert "Traceback" not in printed
        assert settings_of_session(pool, platform_database.name) == []
    assert platform_database.dump() == before


def test_chain_believes_the_setting(platform_database: Database) -> None:
    before = platform_database.dump()
    plain, hinted = platform_database.url(), f"{platform_database.url()}&pgbouncer=true"
    for url, x, reason in (
        (plain, ("-x", "pooler=transaction"), "`-x pooler=transaction` (or MIVAA_POOLER) says so"),
        (hinted, (), "the address says so (`pgbouncer=true`)"),
    ):
        code, printed = end_of(alembic_process(url, *x, "upgrade", "0001"))
        assert code != 0
        assert reason in printed
        assert "Traceback" not in printed
    assert platform_database.dump() == before
    code, printed = end_of(alembic_process(hinted, "-x", "pooler=session", "upgrade", "0001"))
    assert code == 0, printed
