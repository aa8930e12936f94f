"""What row-level security costs: a user's queries against the same ones without it.

Beside our policies stand those of Supabase's guide on copies of the tables, with a table of members
that users may read: ``workspace_id in (select workspace_id from members where user_id = (select
auth.uid()))``. All statements are prepared, as drivers prepare them.

    python benchmarks/rls.py [--rows 100000] [--rounds 1500]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import harness
from harness import Tenant, Tenants, Verdicts, acting_for, execute, medians
from sqlalchemy.engine import Engine

from fixtures.shelves import drop_vector_indexes

GUIDE = """
create table public.guide_members as
  select workspace_id, user_id from public.workspace_members;
alter table public.guide_members add primary key (user_id, workspace_id);
grant select on public.guide_members to authenticated;
create table public.guide_documents (like public.documents including all);
create table public.guide_document_chunks (like public.document_chunks including all);
insert into public.guide_documents select * from public.documents;
insert into public.guide_document_chunks select * from public.document_chunks;
"""
GUIDE_POLICY = """
alter table public.guide_{0} enable row level security;
grant select on public.guide_{0} to authenticated;
create policy guide on public.guide_{0} to authenticated using (workspace_id in
  (select workspace_id from public.guide_members where user_id = (select auth.uid())))
"""


def install_guide(engine: Engine) -> None:
    """Copy the tables, with their rows and indexes, and put the guide's policies on them."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # A copy has no gaps, and is scanned faster for that alone. No query here uses the indexes
        # of vectors, which take minutes to build.
        drop_vector_indexes(connection)
        connection.exec_driver_sql("vacuum full public.documents, public.document_chunks")
        for statement in GUIDE.split(";")[:-1]:
            connection.exec_driver_sql(statement)
        for table in ("documents", "document_chunks"):
            for statement in GUIDE_POLICY.format(table).split(";"):
                connection.exec_driver_sql(statement)
        connection.exec_driver_sql("vacuum analyze")


def statements(tenants: Tenants, tenant: Tenant) -> dict[str, tuple[float, str, str, Any]]:
    """The goal, the text, the types of its parameters, and their values in a round."""

    def document(n: int) -> str:
        return str(tenants.document(tenant.first + n * 7 % tenant.size))

    def batch(n: int) -> str:
        return "{" + ",".join(document(n * 40 + i) for i in range(40)) + "}"

    here = "workspace_id = $1"
    page = "order by created_at desc limit 20"
    return {
        "document by id": (
            1.5,
            f"select id, title from public.documents where {here} and id = $2",
            "uuid, uuid",
            lambda n: (tenant.id, document(n)),
        ),
        "page of documents": (
            1.5,
            f"select id, title, created_at from public.documents where {here} {page}",
            "uuid",
            lambda _: (tenant.id,),
        ),
        "chunks of a document": (
            1.5,
            (
                "select id, content from public.document_chunks"
                f" where {here} and document_id = $2 order by chunk_index"
            ),
            "uuid, uuid",
            lambda n: (tenant.id, document(n)),
        ),
        "count of documents": (
            1.2,
            f"select count(*) from public.documents where {here}",
            "uuid",
            lambda _: (tenant.id,),
        ),
        "count of chunks": (
            1.2,
            f"select count(*) from public.document_chunks where {here}",
            "uuid",
            lambda _: (tenant.id,),
        ),
        "batch of 40 documents": (
            1.3,
            f"select id, title from public.documents where {here} and id = any ($2)",
            "uuid, uuid[]",
            lambda n: (tenant.id, batch(n)),
        ),
    }


def compare(
    engine: Engine, tenant: Tenant, query: tuple[float, str, str, Any], rounds: int, *settings: str
) -> dict[str, float]:
    """Milliseconds of a user, of a user under the guide's policy, and of the owner.

    A user's own filter is left out in the forms named "bare".
    """
    _, text, types, values = query
    guide = text.replace("public.document", "public.guide_document")
    bare = [one.replace("workspace_id = $1", "$1::uuid is not null") for one in (text, guide)]
    with acting_for(engine, tenant) as user, acting_for(engine, None) as owner:
        forms: dict[str, Callable[[int], Any]] = {}
        texts = {
            "ours": (user, text),
            "guide": (user, guide),
            "bare": (user, bare[0]),
            "guide bare": (user, bare[1]),
            "without": (owner, text),
        }
        for connection in (user, owner):
            for setting in settings:
                execute(connection, f"set local {setting}")
        for number, (name, (connection, one)) in enumerate(texts.items()):
            execute(connection, f"prepare form_{number} ({types}) as {one}")

            def run(n: int, connection: Any = connection, number: int = number) -> Any:
                given = ", ".join(f"'{value}'" for value in values(n))
                return execute(connection, f"execute form_{number} ({given})")

            forms[name] = run
        measured = medians(harness.alternate(forms, rounds))
        for connection in (user, owner):
            execute(connection, "deallocate all")
    return measured


def main() -> None:
    """Run."""
    options = harness.arguments(__doc__, rows=100_000, rounds=1500)
    verdicts = Verdicts(options.picture)
    tenants = Tenants(options.rows)
    with harness.upgraded_database(options, "search") as (engine, new):
        if new:
            tenants.create(engine)
            install_guide(engine)
        sequential = ("enable_indexscan = off", "enable_bitmapscan = off")
        sequential += ("enable_indexonlyscan = off", "max_parallel_workers_per_gather = 0")
        for tenant in (tenants.all[2], tenants.all[0]):
            for what, query in statements(tenants, tenant).items():
                ms = compare(engine, tenant, query, options.rounds)
                judge(verdicts, f"{what}, workspace of {tenant.size}", query[0], ms)
            count = statements(tenants, tenant)["count of documents"]
            ms = compare(engine, tenant, count, options.rounds // 15, *sequential)
            judge(verdicts, f"sequential count, workspace of {tenant.size}", 1.15, ms)
            plan = "explain select count(*) from public.document_chunks"
            with acting_for(engine, tenant) as user:
                text_of_plan = "\n".join(row[0] for row in execute(user, plan))
            asks_documents = text_of_plan.count(" on documents")
            verdicts.at_most("scans of documents in a chunk plan", 0, asks_documents)
    verdicts.exit()


def judge(verdicts: Verdicts, name: str, goal: float, ms: dict[str, float]) -> None:
    """Compare ours with no policies and with the guide's."""
    print(name, {form: round(value, 3) for form, value in ms.items()})
    verdicts.at_most(f"{name}: with / without", goal, ms["ours"] / ms["without"])
    verdicts.at_most(f"{name}: ours / guide's", 1.0, ms["ours"] / ms["guide"])
    verdicts.at_most(f"{name}, no filter: ours / guide's", 1.0, ms["bare"] / ms["guide bare"])


if __name__ == "__main__":
    main()
