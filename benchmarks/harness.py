"""What the benchmarks share: a server of their own, tenants full of vectors, fair comparisons."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from alembic import command
from sqlalchemy.engine import Connection, Engine

from mivaa_schema import database, platform
from mivaa_schema.migrations import alembic_config
from mivaa_schema.server import EmbeddedServer

# The tests and the benchmarks must mean the same by "clustered vectors".
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fixtures.vectors import Floats, clustered, copy_rows, near

SIZES = (50_000, 10_000, 5_000, 5_000, 5_000, 5_000, 2_000, 1_000, 500, 200)
"""Rows of the large tenants; what is left of the rows is divided into tenants of 50."""

SMALL = 50
LOOKED_AT = (50, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000)

CONF = {
    "shared_buffers": "2GB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "8GB",
    "autovacuum": "off",
}


def arguments(description: str | None, **defaults: int) -> argparse.Namespace:
    """Read ``--name value`` for each default, ``--major``, ``--keep`` and ``--picture``."""
    parser = argparse.ArgumentParser(description=description)
    for name, value in {**defaults, "major": 18}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--keep", type=Path, help="folder of a server to leave, or to use again")
    parser.add_argument("--picture", type=Path, help="file to draw to, such as .svg")
    return parser.parse_args()


_SPIN = "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: pass"


@contextmanager
def awake() -> Iterator[None]:
    """Keep the processors from sleeping, by work of the lowest priority.

    A virtual processor that has slept wakes up late, which can cost as much as the whole of a
    short statement, and the more, the longer the statement before it took.
    """
    command = [sys.executable, "-c", _SPIN]
    spinning = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


@contextmanager
def upgraded_database(options: argparse.Namespace, name: str) -> Iterator[tuple[Engine, bool]]:
    """A server, and a database on it at head; the flag says whether it is new."""
    home = options.keep or Path(tempfile.mkdtemp(prefix="mivaa-bench-"))
    home.mkdir(exist_ok=True)
    home.chmod(0o755)
    server = EmbeddedServer(home, major=options.major, durable=False, extra_conf=CONF)
    server.start()
    try:
        admin = sa.create_engine(database.database_url(server.url()), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            known = sa.text("select exists (select from pg_database where datname = :name)")
            new = not connection.execute(known, {"name": name}).scalar_one()
            if new:
                connection.exec_driver_sql(f"create database {name}")
        admin.dispose()
        engine = database.create_engine(database.database_url(server.url(name)))
        if new:
            with engine.connect() as connection:
                platform.install(connection)
            config = alembic_config()
            config.attributes["connection"] = engine
            command.upgrade(config, "head")
        with awake():
            yield engine, new
    finally:
        if not options.keep:
            server.stop()
            shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class Tenant:
    """A workspace with one user, its owner, and its vectors."""

    number: int
    first: int
    size: int

    @property
    def id(self) -> uuid.UUID:
        """Of the workspace."""
        return uuid.UUID(int=(1 << 96) + self.number)

    @property
    def user(self) -> uuid.UUID:
        """Of its owner."""
        return uuid.UUID(int=(2 << 96) + self.number)

    @property
    def claims(self) -> str:
        """Of the owner's requests, as JSON."""
        return json.dumps({"sub": str(self.user), "workspace_id": str(self.id)})


@dataclass
class Tenants:
    """Tenants of the sizes above, interleaved in the table as if they had grown side by side."""

    rows: int
    seed: int = 7
    all: list[Tenant] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        scale = min(1.0, self.rows / 100_000)
        sizes = [max(SMALL, int(size * scale)) for size in SIZES]
        sizes += [SMALL] * max(1, (self.rows - sum(sizes)) // SMALL)
        starts = np.cumsum([0, *sizes])
        self.all = [Tenant(n, int(starts[n]), size) for n, size in enumerate(sizes)]
        self.vectors = clustered(rng, sum(sizes))
        self.order = rng.permutation(sum(sizes))
        self.owner = np.repeat(np.arange(len(sizes)), sizes)

    def looked_at(self) -> list[Tenant]:
        """One tenant of each size, smallest first."""
        by_size = {tenant.size: tenant for tenant in self.all}
        return [by_size[size] for size in sorted(by_size)]

    def vectors_of(self, tenant: Tenant) -> Floats:
        """The tenant's vectors, in the order of its rows."""
        return self.vectors[tenant.first : tenant.first + tenant.size]

    def queries(self, tenant: Tenant, count: int) -> Floats:
        """Vectors in the neighbourhood of the tenant's rows; the same in every run."""
        rng = np.random.default_rng((self.seed, tenant.number))
        rows = self.vectors_of(tenant)
        return near(rng, rows[rng.integers(len(rows), size=count)])

    def create(self, engine: Engine) -> None:
        """Insert people, workspaces, a document for each vector and a chunk for each document."""
        with engine.begin() as connection:
            users = {"id": [tenant.user for tenant in self.all]}
            copy_rows(connection, "auth.users", users)
            ids = [tenant.id for tenant in self.all]
            copy_rows(connection, "public.workspaces", {"id": ids, "name": ["w"] * len(ids)})
            copy_rows(
                connection,
                "public.workspace_members",
                {"workspace_id": ids, "user_id": users["id"], "role": ["owner"] * len(ids)},
            )
        order = self.order
        workspaces = [self.all[n].id for n in self.owner[order]]
        documents = [self.document(int(n)) for n in order]
        texts = [f"Passage {n}: " + "lorem ipsum " * 40 for n in order]
        with without_vector_indexes(engine), engine.begin() as connection:
            connection.exec_driver_sql("set local session_replication_role = replica")
            copy_rows(
                connection,
                "public.documents",
                {
                    "id": documents,
                    "workspace_id": workspaces,
                    "title": [f"Title {n}" for n in order],
                    "content": texts,
                    "embedding_v2": self.vectors[order],
                    "embedding_migration_status": ["completed"] * len(order),
                },
            )
            copy_rows(
                connection,
                "public.document_chunks",
                {
                    "id": [self.chunk(int(n)) for n in order],
                    "document_id": documents,
                    "workspace_id": workspaces,
                    "chunk_index": [0] * len(order),
                    "content": texts,
                    "embedding_v2": self.vectors[order],
                    "embedding_migration_status": ["completed"] * len(order),
                },
            )
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("vacuum analyze")

    def document(self, row: int) -> uuid.UUID:
        """The id of the document that has a row of the vectors."""
        return uuid.UUID(int=(3 << 96) + row)

    def chunk(self, row: int) -> uuid.UUID:
        """The id of the chunk that has a row of the vectors."""
        return uuid.UUID(int=(4 << 96) + row)


@contextmanager
def without_vector_indexes(engine: Engine) -> Iterator[None]:
    """Drop the HNSW indexes, and build them from their own definitions afterwards."""
    find = (
        "select indexdef, schemaname || '.' || indexname from pg_indexes"
        " where schemaname = 'public' and indexdef like '%%USING hnsw%%'"
    )
    with engine.begin() as connection:
        indexes = connection.exec_driver_sql(find).all()
        for _, name in indexes:
            connection.exec_driver_sql(f"drop index {name}")
    yield
    with engine.begin() as connection:
        for definition, _ in indexes:
            connection.exec_driver_sql(definition)


@contextmanager
def acting_for(engine: Engine, tenant: Tenant | None) -> Iterator[Connection]:
    """A connection on which a tenant's user is asking; None: the owner of the tables."""
    with engine.connect() as connection, connection.begin() as transaction:
        if tenant is not None:
            claims = sa.text("select set_config('request.jwt.claims', :claims, true)")
            connection.execute(claims, {"claims": tenant.claims})
            connection.exec_driver_sql("set local role authenticated")
        yield connection
        transaction.rollback()


def literal(vector: Floats) -> str:
    """A vector as pgvector reads it, no longer than single precision is worth."""
    return "[" + ",".join(format(number, ".8g") for number in vector) + "]"


def execute(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    """Send a statement as it stands, by the driver itself, and read its rows."""
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor:
        cursor.execute(statement)
        rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
    return rows


def seconds(work: Callable[[], Any]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternate(forms: Mapping[str, Callable[[int], Any]], rounds: int) -> dict[str, list[float]]:
    """Time forms of the same work in alternating rounds.

    Args:
        forms: By name, what to call with the number of the round.
        rounds: How often; the first three are not counted.

    Returns:
        Seconds by form, a list of equal length for each.
    """
    times: dict[str, list[float]] = {name: [] for name in forms}
    for number in range(rounds + 3):
        names = list(forms) if number % 2 else list(reversed(forms))
        for name in names:
            times[name].append(seconds(lambda form=forms[name], n=number: form(n)))
    return {name: seconds[3:] for name, seconds in times.items()}


def medians(times: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Median of each form, in milliseconds."""
    return {name: statistics.median(seconds) * 1000 for name, seconds in times.items()}


@dataclass(frozen=True)
class Verdict:
    """A goal and what was measured of it."""

    what: str
    goal: float
    measured: float
    is_least: bool

    @property
    def passes(self) -> bool:
        """Whether the goal is reached."""
        return self.measured >= self.goal if self.is_least else self.measured <= self.goal

    @property
    def bound(self) -> str:
        """The goal as it is written, such as ``<= 1.5``."""
        return f"{'>=' if self.is_least else '<='} {self.goal:.4g}"

    def __str__(self) -> str:
        verdict = "pass" if self.passes else "short"
        return f"{self.what:<62} goal {self.bound:<8} measured {self.measured:.3f}  {verdict}"


class Verdicts:
    """Goals, what was measured, and whether that passes; in the end, a picture of it."""

    def __init__(self, picture: Path | None = None) -> None:
        self.all: list[Verdict] = []
        self.picture = picture

    def at_most(self, what: str, goal: float, measured: float) -> None:
        """Judge what should be small."""
        self._add(Verdict(what, goal, measured, is_least=False))

    def at_least(self, what: str, goal: float, measured: float) -> None:
        """Judge what should be large."""
        self._add(Verdict(what, goal, measured, is_least=True))

    def _add(self, verdict: Verdict) -> None:
        self.all.append(verdict)
        print(verdict, flush=True)

    def exit(self) -> None:
        """Draw the picture if there is to be one; leave with 1 if anything fell short."""
        if self.picture:
            from pictures import draw_verdicts

            draw_verdicts(self.all, self.picture)
        sys.exit(0 if all(verdict.passes for verdict in self.all) else 1)


__all__ = [
    "Floats",
    "Tenant",
    "Tenants",
    "Verdict",
    "Verdicts",
    "acting_for",
    "alternate",
    "arguments",
    "execute",
    "literal",
    "medians",
    "seconds",
    "upgraded_database",
]
