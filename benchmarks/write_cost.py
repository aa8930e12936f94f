"""What triggers, policies and indexes add to a write on documents.

Goal: at most 2.5 times the same write on a bare table (the original design: 4 times).

Both sides send the same statements: ours as a signed-in editor through row-level security, the
bare one (same columns, primary key only) as its owner. Measured twice: one statement that writes
many rows, which shows the cost of a row, and a prepared statement a row, as an API sends them,
which shows what each statement pays for its policies too. Rows carry text and no vector: what a
vector index costs is paid when the vector is written.

    python benchmarks/write_cost.py [--rows 1000] [--rounds 9]
"""

from __future__ import annotations

import hashlib
import json
import statistics
import time
import uuid
from typing import TYPE_CHECKING, Any

from harness import Verdicts, arguments, upgraded_database

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

WORKSPACE, USER = uuid.uuid4(), uuid.uuid4()
CLAIMS = json.dumps({"sub": str(USER), "workspace_id": str(WORKSPACE)})
CONTENT = " ".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(24))
GOAL = 2.5

BARE = """
create table public.bare_documents (like public.documents including defaults);
alter table public.bare_documents add primary key (id);
"""


def write_together(cursor: Any, table: str, ids: list[str]) -> tuple[float, float]:
    """Seconds for one statement that inserts all rows and for one that updates them."""
    start = time.perf_counter()
    cursor.execute(
        f"insert into public.{table} (id, workspace_id, user_id, title, content)"
        " select id, %s, %s, 'Title', %s from unnest(%s::uuid[]) id",
        (str(WORKSPACE), str(USER), CONTENT, ids),
    )
    inserted = time.perf_counter()
    cursor.execute(f"update public.{table} set title = 'New' where id = any (%s::uuid[])", (ids,))
    return inserted - start, time.perf_counter() - inserted


def write_one_by_one(cursor: Any, table: str, ids: list[str]) -> tuple[float, float]:
    """Seconds for a prepared insert and for a prepared update of each row."""
    start = time.perf_counter()
    for identity in ids:
        cursor.execute(
            f"execute insert_{table} (%s, %s, %s, %s)",
            (identity, str(WORKSPACE), str(USER), CONTENT),
        )
    inserted = time.perf_counter()
    for identity in ids:
        cursor.execute(f"execute update_{table} (%s)", (identity,))
    return inserted - start, time.perf_counter() - inserted


WAYS = {"many rows a statement": write_together, "one row a statement": write_one_by_one}
TABLES = ("documents", "bare_documents")
PREPARED = """
prepare insert_{table} (uuid, uuid, uuid, text) as
insert into public.{table} (id, workspace_id, user_id, title, content)
values ($1, $2, $3, 'Title', $4);
prepare update_{table} (uuid) as update public.{table} set title = 'New' where id = $1;
"""


def prepare(engine: Engine) -> None:
    """Make the bare table, and an editor of a workspace."""
    with engine.begin() as connection:
        for statement in (
            BARE,
            f"insert into auth.users (id) values ('{USER}')",
            f"insert into public.workspaces (id, name) values ('{WORKSPACE}', 'One')",
            (
                "insert into public.workspace_members (workspace_id, user_id, role)"
                f" values ('{WORKSPACE}', '{USER}', 'editor')"
            ),
        ):
            connection.exec_driver_sql(statement)


def measure(engine: Engine, rows: int, rounds: int) -> dict[tuple[str, str], list[Any]]:
    """Alternate both tables and both ways; the first round is not counted."""
    seconds: dict[tuple[str, str], list[Any]] = {(w, t): [] for w in WAYS for t in TABLES}
    raw = engine.raw_connection()
    with raw.cursor() as cursor:
        for table in TABLES:
            cursor.execute(PREPARED.format(table=table))
        for number in range(rounds + 1):
            for (way, table), results in seconds.items():
                if table == "documents":
                    cursor.execute("select set_config('request.jwt.claims', %s, true)", (CLAIMS,))
                    cursor.execute("set local role authenticated")
                measured = WAYS[way](cursor, table, [str(uuid.uuid4()) for _ in range(rows)])
                raw.commit()
                if number > 0:
                    results.append(measured)
    raw.close()
    return seconds


def main() -> None:
    """Compare the medians of both tables."""
    options = arguments(__doc__, rows=1000, rounds=9)
    with upgraded_database(options, "write_cost") as (engine, new):
        if new:
            prepare(engine)
        seconds = measure(engine, options.rows, options.rounds)
    verdicts = Verdicts(options.picture)
    for way in WAYS:
        for place, name in enumerate(("insert", "update")):
            ours, bare = (
                statistics.median(pair[place] for pair in seconds[way, table]) for table in TABLES
            )
            verdicts.at_most(f"{name}, {way}, against a bare table", GOAL, ours / bare)
    verdicts.exit()


if __name__ == "__main__":
    main()
