"""Names of an attacker's own in every schema, and everything that is called all the same.

Upgrades are refused while an API role may create in a schema that we use. Here it may: and still
nobody else executes the operators, functions and types that it creates there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from pglast import ast
from sqlalchemy.engine import Connection

from fixtures.bodies import bodies
from fixtures.clusters import SUPERUSER, both_majors
from fixtures.databases import OWNER, Database
from fixtures.foreign_calls import functions
from fixtures.intruder import EDITOR, VIEWER, WORLD, Attacker, become, run, state, superuser
from fixtures.plants import SCHEMAS, Notices, listen, plant_everywhere

TABLES = Attacker("owner of the tables", OWNER)
SERVICE = Attacker("service_role", "service_role")

NEW, LEGACY = (f"'{json.dumps([1.0] * n)}'::extensions.vector" for n in (768, 1536))
NONE = "null::extensions.vector"
ARGUMENTS = f"'{WORLD.a}'::uuid, (-1)::float8, 5::int4"

CALLS = (
    "public.validate_workspace_data_integrity(null::uuid)",
    f"public.validate_workspace_data_integrity('{WORLD.a}'::uuid)",
    "public.cleanup_orphaned_data(null::uuid, true)",
    "public.cleanup_orphaned_data(null::uuid, false)",
    f"public.cleanup_orphaned_data('{WORLD.a}'::uuid, false)",
    f"public.optimize_workspace_data('{WORLD.a}'::uuid)",
    f"public.analyze_workspace_query_performance('{WORLD.a}'::uuid)",
    "public.get_embedding_migration_progress()",
    *(
        f"public.search_documents_hybrid({vectors}, {ARGUMENTS}, 'x'::text)"
        for vectors in (f"{NEW}, {NONE}", f"{NONE}, {LEGACY}", f"{NEW}, {LEGACY}")
    ),
    *(
        f"public.search_document_chunks_hybrid({vectors}, {ARGUMENTS}, {some}::uuid[], 'x'::text)"
        for vectors in (f"{NEW}, {NONE}", f"{NONE}, {LEGACY}", f"{NEW}, {LEGACY}")
        for some in ("null", f"array['{WORLD.row('documents', 'editor')}']")
    ),
    "mivaa.lock_tables('share'::text, variadic array['public.documents'])",
    "mivaa.platform_statements()",
    "public.mark_migration_complete('mine'::text, 'mine'::text, 'select 1'::text)",
    *(f"mivaa.{name}()" for name in ("get_workspace_id", "get_user_role", "active_workspace_ids")),
    "mivaa.has_permission('write'::text)",
    """mivaa.custom_access_token_hook('{"user_id": "x", "claims": {}}'::jsonb)""",
)
"""Calls with arguments of exactly the types that our functions take: no namesake fits better."""

WRITES = (
    "update public.documents set content = 'x'",
    "update public.documents set content = 'x', embedding_v2 = null",
    "update public.document_chunks set metadata = '{}'",
    (
        "insert into public.document_chunks (document_id, chunk_index, content) values"
        f" ('{WORLD.row('documents', 'editor')}', 99, 'x')"
    ),
)
STATEMENTS = (*(f"select * from {call}" for call in CALLS), *WRITES)

WIDER_PATHS = """
do $$declare f regprocedure; begin
for f in select p.oid from pg_proc p
  where p.pronamespace in ('mivaa'::regnamespace, 'public'::regnamespace)
  and 'search_path=pg_catalog, pg_temp' = any (p.proconfig)
loop
  execute format('alter function %s set search_path = pg_catalog, extensions, public, pg_temp', f);
end loop; end$$
"""

PHASES = (
    "select phase from public.migration_tracking where rollback_sql is not null"
    " order by started_at desc"
)


def called(connection: Connection) -> set[str]:
    """Every function that a body of ours calls."""
    return {
        node.funcname[-1].sval
        for body in bodies(connection)
        for node, _ in body.nodes()
        if isinstance(node, ast.FuncCall)
    }


def answers(connection: Connection, who: Attacker) -> dict[str, str]:
    become(connection, who)
    return {sql: state(connection, sql) for sql in STATEMENTS}


def rolled_back(connection: Connection) -> list[str]:
    """How the rollback of each phase ends, the last phase first."""
    become(connection, TABLES)
    phases = [phase for (phase,) in run(connection, PHASES)]
    run(connection, "savepoint phases")
    told = []
    for phase in phases:
        call = f"public.rollback_migration_phase('mivaa_integration'::text, '{phase}'::text)"
        told.append(state(connection, f"select * from {call}"))
        if told[-1] == "00000":
            run(connection, f"select * from {call}")
    run(connection, "rollback to savepoint phases")
    return told


def path(connection: Connection, schemas: str) -> None:
    run(connection, f"reset role; set local search_path = {schemas}")


def shows_itself(connection: Connection, notices: Notices) -> bool:
    """Whether a statement of the attacker's own finds what it has planted, of each kind."""
    path(connection, "pg_catalog")
    become(connection, EDITOR)
    run(connection, "set local search_path = evil, pg_catalog")
    found = []
    for own in ("1.0::float8 + '1'::int4", "length('x'::name)", "'1'::evil.int4"):
        notices.ran_as.clear()
        state(connection, f"select {own}")
        found.append(notices.ran_as == {"authenticated"})
    return all(found)


@contextmanager
def planted(
    made: Database, names: set[str], schemas: tuple[str, ...] = SCHEMAS
) -> Iterator[tuple[Connection, Notices]]:
    # What a function has resolved once stays resolved in its session: this one is fresh.
    made.engine(SUPERUSER).dispose()
    with superuser(made) as connection:
        assert plant_everywhere(connection, names, schemas) > 10_000
        # What is temporary comes last, as in sessions that are guarded.
        path(connection, "public, extensions, pg_temp")
        yield connection, listen(connection)


@both_majors
def test_what_is_planted_anywhere_runs_as_nobody_but_its_maker(attacked: Database) -> None:
    with superuser(attacked) as connection:
        before = {who: answers(connection, who) for who in (TABLES, SERVICE)}
        run(connection, "reset role")
        attempts = [sql for f in functions(connection) for sql in f.attempts(WORLD.a)]
        names = called(connection)
    assert sum(told == "00000" for told in before[TABLES].values()) > 20
    with planted(attacked, names) as (connection, notices):
        for who in (TABLES, SERVICE):
            assert answers(connection, who) == before[who]
        assert not notices.ran_as
        for who in (EDITOR, VIEWER):
            path(connection, "pg_catalog")
            become(connection, who)
            run(connection, "set local search_path = evil, mivaa, public, extensions, pg_catalog")
            for sql in (*STATEMENTS, *attempts):
                state(connection, sql)
        assert notices.ran_as <= {"authenticated"}
        assert shows_itself(connection, notices)


@both_majors
def test_a_rollback_executes_nothing_that_is_planted(attacked: Database) -> None:
    """Its SQL names types of pgvector, whose schema it searches; so nothing is planted there."""
    with superuser(attacked) as connection:
        before = rolled_back(connection)
        run(connection, "reset role")
        names = called(connection)
    assert before.count("00000") > 3
    schemas = tuple(schema for schema in SCHEMAS if schema != "extensions")
    with planted(attacked, names, schemas) as (connection, notices):
        assert rolled_back(connection) == before
        assert not notices.ran_as
        assert shows_itself(connection, notices)


@both_majors
def test_on_a_path_with_public_what_is_planted_there_would_run_as_others(
    attacked: Database,
) -> None:
    """Why the law about search paths asks for pg_catalog alone, and not for pg_catalog first."""
    with superuser(attacked) as connection:
        names = called(connection)
    with planted(attacked, names, ("public",)) as (connection, notices):
        path(connection, "pg_catalog")
        run(connection, WIDER_PATHS)
        path(connection, "public, extensions, pg_temp")
        for who in (VIEWER, SERVICE):
            become(connection, who)
            state(connection, f"select mivaa.validate_query_vector({NEW}, {NONE}, 1::float8, 1)")
            state(connection, f"select * from mivaa.integrity('{WORLD.a}'::uuid)")
        assert notices.ran_as == {"authenticated", "service_role", OWNER}
