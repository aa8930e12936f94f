"""What can be observed beside the rows: statistics, other sessions, messages, large objects."""

from __future__ import annotations

import select
import time
from typing import Any

import pytest

from fixtures.clusters import both_majors
from fixtures.databases import OWNER, Database
from fixtures.intruder import (
    EDITOR,
    OWNER_ELSEWHERE,
    SERVICE,
    VIEWER,
    Attacker,
    answer,
    attacking,
    become,
    run,
    state,
    superuser,
)

TABLES = Attacker("owner of the tables", OWNER)
STATISTICS = "select count(*) from {} where schemaname = 'public' and tablename = 'documents'"


@both_majors
@pytest.mark.parametrize("view", ["pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"])
def test_statistics_show_users_no_value_of_a_row(attacked: Database, view: str) -> None:
    count = STATISTICS.format(f"pg_catalog.{view}")
    with superuser(attacked) as connection:
        run(
            connection,
            "create statistics public.planted (mcv) on workspace_id, status from public.documents",
        )
        run(
            connection,
            "create statistics public.planted_too on (title || 'x') from public.documents",
        )
        run(connection, "alter statistics public.planted owner to postgres")
        run(connection, "alter statistics public.planted_too owner to postgres")
        run(connection, "analyze public.documents")
        become(connection, TABLES)
        assert run(connection, count).scalar_one() > 0
        for who in (VIEWER, EDITOR, OWNER_ELSEWHERE):
            become(connection, who)
            assert run(connection, count).scalar_one() == 0


@both_majors
@pytest.mark.parametrize("catalog", ["pg_statistic", "pg_statistic_ext_data"])
def test_the_catalogs_of_statistics_are_closed(attacked: Database, catalog: str) -> None:
    with superuser(attacked) as connection:
        for who in (VIEWER, SERVICE):
            become(connection, who)
            assert state(connection, f"select count(*) from pg_catalog.{catalog}") == "42501"
        run(connection, "reset role")
        assert state(connection, f"select count(*) from pg_catalog.{catalog}") == "00000"


@both_majors
def test_nobody_reads_the_statements_of_other_sessions(attacked: Database) -> None:
    look = "select string_agg(query, ';') from pg_stat_activity where datname = current_database()"
    with attacked.engine().connect() as other, attacked.engine("authenticator").connect() as api:
        run(other, "select 'secret of the owner'")
        become(api, OWNER_ELSEWHERE)
        run(api, "select 'secret of a user'")
        for who in (VIEWER, SERVICE):
            with attacking(attacked, who) as connection:
                seen = run(connection, look).scalar_one()
                assert "secret" not in seen
                assert "insufficient privilege" in seen
        run(other, "rollback")
        seen = run(other, f"select ({look}), 'a secret of its own'").one()[0]
        assert "a secret of its own" in seen


@both_majors
def test_functions_that_users_reach_tell_nobody_what_they_did(attacked: Database) -> None:
    """The one message of ours asks PostgREST to look at the schema anew, and is the owner's."""
    sends = (
        "select array(select p.oid::regprocedure::text from pg_proc p where p.pronamespace in"
        r" ('public'::regnamespace, 'mivaa'::regnamespace) and p.prosrc ~* '\mnotify\M|pg_notify'"
        " order by 1)"
    )
    with attacked.owner() as connection:
        found = run(connection, sends).scalar_one()
    assert found == ["rollback_migration_phase(text,text)"]
    with attacked.engine("authenticator").connect() as listening:
        driver: Any = listening.connection.driver_connection
        driver.autocommit = True
        with driver.cursor() as cursor:
            cursor.execute("set role authenticated; listen pgrst; listen mivaa")
        with attacking(attacked, EDITOR) as connection:
            run(connection, "update public.documents set title = 'x'")
            run(connection, "delete from public.documents")
        with attacked.owner() as connection:
            run(connection, "select pg_notify('mivaa', 'the only one')")
        deadline = time.monotonic() + 30
        while not driver.notifies and time.monotonic() < deadline:
            select.select([driver], [], [], 1)
            driver.poll()
        assert [message.payload for message in driver.notifies] == ["the only one"]
        driver.autocommit = False


@both_majors
def test_large_objects_of_the_owner_are_closed_and_nothing_of_ours_is_in_one(
    attacked: Database,
) -> None:
    with superuser(attacked) as connection:
        become(connection, TABLES)
        made = run(connection, "select lo_from_bytea(0, 'secret')").scalar_one()
        become(connection, VIEWER)
        assert state(connection, f"select lo_get({made})") == "42501"
        assert state(connection, f"select lo_unlink({made})") == "42501"
        assert state(connection, "select count(*) from pg_largeobject") == "42501"
        own = run(connection, "select lo_from_bytea(0, 'mine')").scalar_one()
        assert answer(connection, f"select length(lo_get({own}))") == ("rows", "(4,)")
        run(connection, "reset role")
        columns = run(
            connection,
            "select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid"
            " where c.relnamespace in ('public'::regnamespace, 'mivaa'::regnamespace)"
            " and c.relkind in ('r', 'p') and a.attnum > 0 and a.atttypid = 'oid'::regtype",
        )
        assert columns.scalar_one() == 0


TEXTS = {
    "deep": "'{\"sub\": ' || repeat('[', 200000) || repeat(']', 200000) || '}'",
    "long": "'{\"sub\": \"' || repeat('a', 5000000) || '\"}'",
    "wide": "'{' || (select string_agg(format('\"%s\": 1', i), ',') from"
    " generate_series(1, 100000) i) || '}'",
    "no JSON": "repeat('{', 200000)",
    "a number beyond all": "'{\"sub\": 1e' || repeat('9', 30) || '}'",
    "a zero character": '\'{"sub": "\\u0000"}\'',
}


@both_majors
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("setting", ["request.jwt.claims", "request.headers"])
def test_monstrous_claims_show_their_sender_nothing(
    attacked: Database, setting: str, text: str
) -> None:
    """They end in no rows, or in an error of the sender's own; the next request is answered."""
    look = "select count(*) from public.documents"
    with attacking(attacked, VIEWER) as connection:
        usual = run(connection, look).scalar_one()
        assert usual > 0
        run(connection, "savepoint s")
        run(connection, f"select set_config('{setting}', {TEXTS[text]}, true)")
        told = answer(connection, look)
        # Headers that say nothing leave the choice to the claims.
        allowed = ["(0,)"] if setting == "request.jwt.claims" else ["(0,)", f"({usual},)"]
        assert told in [("rows", row) for row in allowed] or told[1] == "54001"
        run(connection, "rollback to savepoint s")
        assert run(connection, look).scalar_one() == usual


ARGUMENTS = {
    "mivaa.uuid_or_null(repeat('0', 5000000))": "00000",
    "mivaa.uuid_or_null(repeat('-', 36))": "00000",
    "mivaa.json_setting(repeat('x', 1000000))": "00000",
    "mivaa.json_setting('data_directory')": "42501",
    "mivaa.has_permission('(a+)+$' || repeat('a', 1000000))": "22023",
    "mivaa.has_permission('read'' or true --')": "22023",
    "mivaa.resolve_workspace(null, repeat('(', 100000))": "22023",
}


@both_majors
@pytest.mark.parametrize("call", ARGUMENTS)
def test_monstrous_arguments_are_answered_or_refused(attacked: Database, call: str) -> None:
    """None of them is taken for a pattern, a path or SQL."""
    with attacking(attacked, VIEWER) as connection:
        assert state(connection, f"select {call}") == ARGUMENTS[call]
        assert run(connection, "select mivaa.has_permission('read')").scalar_one() is True


PATTERNS = r"""
select p.oid::regprocedure::text || ': ' || line
from pg_proc p, regexp_split_to_table(p.prosrc, '\n') line
where p.pronamespace in ('mivaa'::regnamespace, 'public'::regnamespace)
  and line !~ '^\s*--'
  and line ~* '(\s!?~~?\*?|\milike|\mlike|similar to|jsonb_path_\w+\([^,]+,)\s+[^'']'
"""


@both_majors
def test_no_function_takes_a_pattern_or_a_path_from_its_caller(attacked: Database) -> None:
    """A regular expression or a jsonpath can be made to run for hours: ours are constants."""
    with superuser(attacked) as connection:
        assert run(connection, PATTERNS).all() == []
        run(
            connection,
            "create function public.matching(pattern text) returns boolean language plpgsql as"
            " $$begin return 'x' ~ pattern; end$$",
        )
        assert len(run(connection, PATTERNS).all()) == 1


@both_majors
def test_ids_are_random_and_tell_nothing_of_the_next_one(attacked: Database) -> None:
    with attacked.owner() as connection:
        defaults = run(
            connection,
            "select distinct pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d"
            " join pg_class c on c.oid = d.adrelid join pg_attribute a on a.attrelid = d.adrelid"
            " and a.attnum = d.adnum where c.relnamespace = 'public'::regnamespace"
            " and a.attname = 'id'",
        ).scalars()
        assert list(defaults) == ["gen_random_uuid()"]
