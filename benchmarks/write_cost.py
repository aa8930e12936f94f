"""What triggers, policies and indexes add to a write on documents.

Goal: at most 2.5 times the same write on a bare table (the original design: 4 times).

Both sides send the same statements, one row each, in one transaction: ours as a signed-in editor
through row-level security, the bare one (same columns, primary key only) as its owner. Rows carry
text and no vector: what a vector index costs is paid when the vector is written.

    python benchmarks/write_cost.py [--rows 2000] [--rounds 7]
"""

from __future__ import annotations

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
CONTENT = "A document platform extracts, cuts into chunks, embeds and answers. " * 30
GOAL = 2.5

BARE = """
create table public.bare_documents (like public.documents including defaults);
alter table public.bare_documents add primary key (id);
"""


def write(cursor: Any, table: str, ids: list[str]) -> tuple[float, float]:
    """Seconds for one insert and for one update a row."""
    start = time.perf_counter()
    for identity in ids:
        cursor.execute(
            f"insert into public.{table} (id, workspace_id, user_id, title, content)"
            " values (%s, %s, %s, %s, %s)",
            (identity, str(WORKSPACE), str(USER), f"Title of {identity}", CONTENT),
        )
    inserted = time.perf_counter()
    for identity in ids:
        cursor.execute(f"update public.{table} set title = 'New' where id = %s", (identity,))
    return inserted - start, time.perf_counter() - inserted


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


def measure(engine: Engine, rows: int, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Alternate both tables; the first round is not counted."""
    seconds: dict[str, list[tuple[float, float]]] = {"documents": [], "bare_documents": []}
    raw = engine.raw_connection()
    with raw.cursor() as cursor:
        for number in range(rounds + 1):
            for table, results in seconds.items():
                if table == "documents":
                    cursor.execute("select set_config('request.jwt.claims', %s, true)", (CLAIMS,))
                    cursor.execute("set local role authenticated")
                measured = write(cursor, table, [str(uuid.uuid4()) for _ in range(rows)])
                raw.commit()
                if number > 0:
                    results.append(measured)
    raw.close()
    return seconds


def main() -> None:
    """Compare the medians of both tables."""
    options = arguments(__doc__, rows=2000, rounds=7)
    with upgraded_database(options, "write_cost") as (engine, new):
        if new:
            prepare(engine)
        seconds = measure(engine, options.rows, options.rounds)
    verdicts = Verdicts()
    for place, name in enumerate(("insert", "update")):
        ours, bare = (
            statistics.median(pair[place] for pair in seconds[table])
            for table in ("documents", "bare_documents")
        )
        verdicts.at_most(f"{name} of a document against a bare table", GOAL, ours / bare)
    verdicts.exit()


if __name__ == "__main__":
    main()
