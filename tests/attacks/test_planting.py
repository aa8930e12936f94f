"""Objects of an attacker's own, planted where functions and policies of ours might find them.

Every role may create temporary objects. The schema that holds them is searched first for tables and
types, unless a search path names it. Each plant is shown to work on a query of the attacker's own,
so that it could have worked on ours.
"""

from __future__ import annotations

import pytest
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from fixtures.clusters import SUPERUSER, both_majors
from fixtures.databases import Database
from fixtures.foreign_calls import functions
from fixtures.intruder import (
    EDITOR,
    ELSEWHERE,
    VIEWER,
    Attacker,
    answer,
    attacker,
    attacking,
    become,
    run,
    state,
    superuser,
)
from fixtures.people import Person, World, named

WORLD = World()

PAYLOAD = """
create temporary table ran_as (who text);
grant insert on ran_as to public;
create function pg_temp.payload() returns boolean language plpgsql as
$$begin insert into pg_temp.ran_as values (current_user); return true; end$$;
"""
"""What runs of the attacker's, and writes down as whom."""

TYPES = ("uuid", "text", "jsonb", "json", "regclass", "timestamptz", "name", "interval")

TYPES_OF_OUR_OWN = PAYLOAD + "".join(
    f"create domain pg_temp.{name} as pg_catalog.{name} check (pg_temp.payload());"
    for name in TYPES
)
"""Types named like those of pg_catalog, which call the attacker whenever a value is made."""


def witnesses(connection: Connection) -> set[str]:
    """Who has run the payload."""
    return {str(who) for (who,) in run(connection, "select who from pg_temp.ran_as")}


def everything(connection: Connection) -> list[str]:
    """Statements that call every function, and fire every trigger that a user can."""
    calls = [sql for f in functions(connection) for sql in f.attempts(WORLD.a)]
    document = WORLD.row("documents", "editor")
    writes = [
        *(
            f"update public.{table} set metadata = '{{}}'"
            for table in ("documents", "document_chunks", "pdf_documents", "processed_documents")
        ),
        "update public.documents set content = 'x', embedding_v2 = null",
        f"update public.documents set user_id = '{named('viewer')}' where id = '{document}'",
        f"insert into public.document_chunks (document_id, chunk_index, content)\
          values ('{document}', 99, 'x')",
    ]
    return [*calls, *writes]


def use(connection: Connection, statements: list[str]) -> int:
    """Execute what may be executed, and keep what it did; how many statements that were."""
    answered = 0
    for sql in statements:
        run(connection, "savepoint use")
        try:
            run(connection, sql)
            answered += 1
        except exc.DBAPIError:  # many functions are not for users
            run(connection, "rollback to savepoint use")
    return answered


def plant_types_and_use_everything(made: Database, preparation: str = "") -> tuple[set[str], int]:
    # What a function has resolved once stays resolved in its session: this one is fresh.
    made.engine(SUPERUSER).dispose()
    with superuser(made) as connection:
        if preparation:
            run(connection, preparation)
        statements = everything(connection)
        become(connection, EDITOR)
        run(connection, TYPES_OF_OUR_OWN)
        answered = use(connection, statements)
        return witnesses(connection), answered


@both_majors
def test_types_of_the_attacker_run_as_nobody_but_the_attacker(attacked: Database) -> None:
    ran_as, answered = plant_types_and_use_everything(attacked)
    assert answered > 20
    assert ran_as == {"authenticated"}


@both_majors
def test_on_an_empty_search_path_types_of_the_attacker_would_run_as_the_owner(
    attacked: Database,
) -> None:
    """Why the law about search paths asks for pg_temp at the end, and not for an empty path."""
    ran_as, _ = plant_types_and_use_everything(
        attacked,
        "do $$declare f regprocedure; begin for f in select p.oid from pg_proc p"
        " where p.pronamespace in ('mivaa'::regnamespace, 'public'::regnamespace)"
        " and 'search_path=pg_catalog, pg_temp' = any (p.proconfig)"
        " loop execute format('alter function %s set search_path to %L', f, ''); end loop; end$$",
    )
    assert "postgres" in ran_as


@both_majors
def test_tables_of_the_attacker_are_not_taken_for_ours(attacked: Database) -> None:
    forged = attacker("viewer", Person("viewer", ELSEWHERE))
    plant = f"""
    create temporary table workspace_members as
      select * from public.workspace_members limit 0;
    insert into workspace_members (workspace_id, user_id, role, status)
      values ('{ELSEWHERE}', '{named("viewer")}', 'owner', 'active');
    create temporary view documents as select '{ELSEWHERE}'::uuid as workspace_id;
    create temporary table workspaces as select '{ELSEWHERE}'::uuid as id;
    set local search_path = pg_temp, public;
    """
    with attacking(attacked, forged) as connection:
        run(connection, plant)
        assert run(connection, "select role from workspace_members").scalar_one() == "owner"
        asked = "select mivaa.get_workspace_id(), mivaa.get_user_role(), mivaa.has_permission(%s)"
        assert connection.exec_driver_sql(asked, ("read",)).one() == (None, None, False)
        assert run(connection, "select count(*) from public.documents").scalar_one() == 0
        become(connection, VIEWER)
        assert connection.exec_driver_sql(asked, ("write",)).one() == (WORLD.a, "viewer", False)


@both_majors
def test_functions_and_operators_of_the_attacker_are_found_by_nobody(attacked: Database) -> None:
    plant = (
        PAYLOAD
        + """
    create function pg_temp.equal(uuid, uuid) returns boolean language sql
      as 'select pg_temp.payload()';
    create operator pg_temp.= (leftarg = uuid, rightarg = uuid, function = pg_temp.equal);
    create function pg_temp.nullif(text, text) returns text language sql
      as 'select pg_temp.payload()::text';
    create function pg_temp.length(text) returns integer language sql
      as 'select pg_temp.payload()::integer';
    create function pg_temp.current_setting(text, boolean) returns text language sql
      as 'select pg_temp.payload()::text';
    set local search_path = pg_temp, mivaa, public, pg_catalog;
    """
    )
    with superuser(attacked) as connection:
        statements = everything(connection)
        become(connection, EDITOR)
        run(connection, plant)
        assert use(connection, statements) > 20
        assert witnesses(connection) == set()
        run(connection, "select gen_random_uuid() operator(pg_temp.=) gen_random_uuid()")
        assert witnesses(connection) == {"authenticated"}


PEEK = """
create temporary table peeked (value text);
create function pg_temp.peek(value text) returns boolean language plpgsql cost 0.0000001 as
$$begin insert into pg_temp.peeked values (value); return true; end$$;
create function pg_temp.peek(value text, other text) returns boolean language sql
  cost 0.0000001 as 'select pg_temp.peek(value)';
create operator pg_temp.<~ (leftarg = text, rightarg = text, function = pg_temp.peek);
create temporary view peeking as select * from public.documents where pg_temp.peek(title);
"""

PEEKING = {
    "a condition": "select count(*) from public.documents where pg_temp.peek(title)",
    "an operator": "select count(*) from public.documents where title operator(pg_temp.<~) 'x'",
    "a view": "select count(*) from peeking",
    "a join": "select count(*) from public.documents d join public.document_chunks c"
    " on pg_temp.peek(c.content) and pg_temp.peek(d.title)",
    "a sub-query": "select (select count(*) from public.documents d where pg_temp.peek(d.title))",
    "an aggregate": "select count(*) filter (where pg_temp.peek(title)) from public.documents",
    "an order": "select title from public.documents order by pg_temp.peek(title)",
    "an update": "update public.documents set title = title where pg_temp.peek(title)",
    "a deletion": "delete from public.documents where pg_temp.peek(title)",
    "what is returned": "delete from public.documents returning pg_temp.peek(title)",
    "a merge": "merge into public.documents d using (values (1)) s (one) on pg_temp.peek(d.title)"
    " when matched then update set title = d.title",
    "a conflict": "insert into public.documents (id, workspace_id, user_id, title) select id,"
    " workspace_id, user_id, title from public.documents on conflict (id) do update"
    " set title = excluded.title where pg_temp.peek(documents.title)",
}


@both_majors
@pytest.mark.parametrize("place", PEEKING)
def test_a_function_of_the_attacker_sees_rows_of_its_workspace_only(
    attacked: Database, place: str
) -> None:
    with attacking(attacked, EDITOR) as connection:
        run(connection, PEEK)
        if place == "a conflict":
            own = named("editor")
            run(connection, f"update public.documents set user_id = '{own}'")
        run(connection, PEEKING[place])
        seen = [str(value) for (value,) in run(connection, "select value from pg_temp.peeked")]
    assert sum("of editor" in value for value in seen) >= 1
    assert not [value for value in seen if "elsewhere" in value or "owner_of_b" in value]


@both_majors
def test_a_function_of_the_attacker_cannot_be_called_leakproof(attacked: Database) -> None:
    create = "create function pg_temp.f(text) returns boolean language sql {} as 'select true'"
    with attacking(attacked, EDITOR) as connection:
        assert state(connection, create.format("leakproof")) == "42501"
        assert state(connection, create.format("")) == "00000"


@both_majors
def test_a_cast_of_the_attacker_changes_its_own_types_alone(attacked: Database) -> None:
    plant = f"""
    create type pg_temp.key as (name text);
    create function pg_temp.turn(pg_temp.key) returns uuid language sql
      as $$select '{ELSEWHERE}'::uuid$$;
    create function pg_temp.turn(text) returns uuid language sql
      as $$select '{ELSEWHERE}'::uuid$$;
    create cast (pg_temp.key as uuid) with function pg_temp.turn(pg_temp.key) as implicit;
    """
    with attacking(attacked, VIEWER) as connection:
        run(connection, plant)
        turned = "row('x')::pg_temp.key"
        assert answer(connection, f"select ({turned})::uuid")[1] == repr((ELSEWHERE,))
        asked = f"select mivaa.resolve_workspace({turned}, 'read')"
        assert state(connection, asked) == "42501"
        cast = "create cast (text as uuid) with function pg_temp.turn(text) as assignment"
        assert state(connection, cast) in ("42501", "42P17")


@both_majors
def test_nothing_can_be_planted_where_search_paths_lead(attacked: Database) -> None:
    """And there is no schema to be made that a path could be pointed at."""
    with superuser(attacked) as connection:
        for role in ("anon", "authenticated", "service_role"):
            become(connection, Attacker(role, role))
            for schema in ("pg_catalog", "public", "extensions", "mivaa", "auth"):
                create = (
                    f"create function {schema}.planted() returns int language sql as 'select 1'"
                )
                assert state(connection, create) == "42501", f"{role} creates in {schema}"
            assert state(connection, "create schema planted") == "42501"
            create = "create function pg_temp.planted() returns int language sql as 'select 1'"
            assert state(connection, create) == "00000"
