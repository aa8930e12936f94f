"""What row-level security costs: a user's queries against the same ones without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import harness
from harness import Tenant, Tenants, Verdicts, acting_for, execute, medians
from sqlalchemy.engine import Engine


def statements(tenants: Tenants, tenant: Tenant) -> dict[str, tuple[float, Callable[[int], str]]]:
    """The goal and the text of each query, by what it does."""
    here = f"workspace_id = '{tenant.id}'"

    def document(n: int) -> str:
        return str(tenants.document(tenant.first + n * 7 % tenant.size))

    def batch(n: int) -> str:
        ids = (f"'{document(n * 40 + i)}'" for i in range(40))
        return f"select id, title from public.documents where {here} and id in ({', '.join(ids)})"

    page = "order by created_at desc limit 20"
    return {
        "document by id": (
            1.5,
            lambda n: (
                f"select id, title from public.documents where {here} and id = '{document(n)}'"
            ),
        ),
        "page of documents": (
            1.5,
            lambda _: f"select id, title, created_at from public.documents where {here} {page}",
        ),
        "chunks of a document": (
            1.5,
            lambda n: (
                f"select id, content from public.document_chunks where {here}"
                f" and document_id = '{document(n)}' order by chunk_index"
            ),
        ),
        "count of documents": (
            1.2,
            lambda _: f"select count(*) from public.documents where {here}",
        ),
        "count of chunks": (
            1.2,
            lambda _: f"select count(*) from public.document_chunks where {here}",
        ),
        "batch of 40 documents": (1.3, batch),
    }


def ratio(
    engine: Engine, tenant: Tenant, text: Callable[[int], str], rounds: int, *settings: str
) -> tuple[float, dict[str, float]]:
    """A user's time over the owner's for the same statement."""
    with acting_for(engine, tenant) as user, acting_for(engine, None) as owner:
        for connection in (user, owner):
            for setting in settings:
                execute(connection, f"set local {setting}")
        forms: dict[str, Callable[[int], Any]] = {
            "with": lambda n: execute(user, text(n)),
            "without": lambda n: execute(owner, text(n)),
        }
        ms = medians(harness.alternate(forms, rounds))
    return ms["with"] / ms["without"], ms


def main() -> None:
    """Run."""
    options = harness.arguments(__doc__, rows=100_000, rounds=1500)
    verdicts = Verdicts(options.picture)
    tenants = Tenants(options.rows)
    with harness.upgraded_database(options, "search") as (engine, new):
        if new:
            tenants.create(engine)
        for tenant in (tenants.all[2], tenants.all[0]):
            for what, (goal, text) in statements(tenants, tenant).items():
                measured, ms = ratio(engine, tenant, text, options.rounds)
                name = f"{what}, workspace of {tenant.size}"
                print({form: round(value, 3) for form, value in ms.items()})
                verdicts.at_most(f"{name}: with / without", goal, measured)
            count = statements(tenants, tenant)["count of documents"][1]
            sequential = ("enable_indexscan = off", "enable_bitmapscan = off")
            sequential += ("enable_indexonlyscan = off", "max_parallel_workers_per_gather = 0")
            measured, _ = ratio(engine, tenant, count, options.rounds // 5, *sequential)
            name = f"sequential count, workspace of {tenant.size}"
            verdicts.at_most(f"{name}: with / without", 1.15, measured)
            plan = "explain select count(*) from public.document_chunks"
            with acting_for(engine, tenant) as user:
                text_of_plan = "\n".join(row[0] for row in execute(user, plan))
            asks_documents = text_of_plan.count(" on documents")
            verdicts.at_most("scans of documents in a chunk plan", 0, asks_documents)
    verdicts.exit()


if __name__ == "__main__":
    main()
