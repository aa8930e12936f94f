"""The question of a policy in a sub-select against a bare call, on copies of the tables.

``(select mivaa.workspace_for('read'))`` is asked once a statement, the bare call wherever the
planner puts it. Each query is measured prepared and not; the vector walk has no filter.

    python benchmarks/policy_forms.py [--rows 10000] [--rounds 300]
"""

from __future__ import annotations

from typing import Any

import harness
from harness import Tenants, Verdicts, acting_for, execute, literal, medians
from rls import statements
from sqlalchemy.engine import Engine

from fixtures.shelves import drop_vector_indexes

COPY = """
create table public.{form}_{table} (like public.{table} including all);
insert into public.{form}_{table} select * from public.{table};
alter table public.{form}_{table} enable row level security;
grant select on public.{form}_{table} to authenticated;
create policy ours on public.{form}_{table} to authenticated
  using (workspace_id = {question})
"""
QUESTIONS = {
    "once": "(select mivaa.workspace_for('read'))",
    "bare": "mivaa.workspace_for('read')",
}


def install(engine: Engine) -> None:
    """Copy the tables for each form; documents with an index of vectors, built at the end."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        drop_vector_indexes(connection)
        for form, question in QUESTIONS.items():
            for table in ("documents", "document_chunks"):
                sql = COPY.format(form=form, table=table, question=question)
                for statement in sql.split(";"):
                    connection.exec_driver_sql(statement)
            index = f"create index on public.{form}_documents using hnsw"
            connection.exec_driver_sql(f"{index} (embedding_v2 vector_cosine_ops)")
        connection.exec_driver_sql("vacuum analyze")


def main() -> None:
    """Run."""
    options = harness.arguments(__doc__, rows=10_000, rounds=300)
    verdicts = Verdicts(options.picture)
    tenants = Tenants(options.rows)
    with harness.upgraded_database(options, "policy_forms") as (engine, new):
        if new:
            tenants.create(engine)
            install(engine)
        tenant = max(tenants.looked_at(), key=lambda one: one.size)
        queries: dict[str, tuple[str, str, Any]] = {
            name: (text, types, values)
            for name, (_, text, types, values) in statements(tenants, tenant).items()
        }
        vectors = [literal(query) for query in tenants.queries(tenant, 20)]
        walk = "select id from public.documents order by embedding_v2 <=> $1 limit 10"
        queries["vector walk"] = (walk, "vector", lambda n: (vectors[n % 20],))
        queries["sequential count"] = ("select count(*) from public.documents", "", lambda _: ())
        for name, (text, types, values) in queries.items():
            with acting_for(engine, tenant) as connection:
                for way in ("indexscan", "indexonlyscan", "bitmapscan"):
                    switch = "off" if name == "sequential count" else "on"
                    execute(connection, f"set local enable_{way} = {switch}")
                forms = {}
                for form in QUESTIONS:
                    own = text.replace("public.document", f"public.{form}_document")
                    named = f"prepare {form}({types}) as" if types else f"prepare {form} as"
                    execute(connection, f"{named} {own}")

                    def prepared(n: int, form: str = form, values: Any = values) -> Any:
                        given = ", ".join(f"'{value}'" for value in values(n))
                        return execute(connection, f"execute {form}" + f"({given})" * bool(given))

                    def plain(n: int, own: str = own, values: Any = values) -> Any:
                        for number, value in reversed([*enumerate(values(n), 1)]):
                            own = own.replace(f"${number}", f"'{value}'")
                        return execute(connection, own)

                    forms |= {form: prepared, f"{form}, not prepared": plain}
                ms = medians(harness.alternate(forms, options.rounds))
            print(name, {form: round(value, 3) for form, value in ms.items()})
            for way in ("", ", not prepared"):
                verdicts.at_most(
                    f"{name}{way}: once / bare", 1.2, ms[f"once{way}"] / ms[f"bare{way}"]
                )
    verdicts.exit()


if __name__ == "__main__":
    main()
