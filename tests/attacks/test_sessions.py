"""Roles, settings, prepared statements and cursors, changed in the middle of a session."""

from __future__ import annotations

import json

import pytest
from sqlalchemy.engine import Connection

from fixtures.clusters import SUPERUSER, both_majors
from fixtures.databases import OWNER, Database
from fixtures.intruder import (
    EDITOR,
    ELSEWHERE,
    OWNER_ELSEWHERE,
    ROWS,
    SERVICE,
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
from fixtures.people import World

WORLD = World()
STRANGER = attacker("outsider", WORLD.person("stranger"))
TITLES = "select title from public.documents order by title"
CHUNK = WORLD.row("document_chunks", "editor")

SETTINGS = {
    "request.jwt.claims",
    "request.jwt.claim.sub",
    "request.headers",
    "mivaa.filling",
    "server_version_num",
    "lock_timeout",
    "deadlock_timeout",
    *("hnsw.iterative_scan", "hnsw.ef_search", "ivfflat.iterative_scan"),
}
"""What functions of ours read. Whoever adds one adds here how it is attacked, if users set it."""


def titles(connection: Connection) -> list[str]:
    return [title for (title,) in run(connection, TITLES)]


def claim(connection: Connection, who: Attacker) -> None:
    """Set claims by hand, as anybody with SQL can."""
    text = json.dumps(who.claims)
    connection.exec_driver_sql("select set_config('request.jwt.claims', %s, true)", (text,))


@both_majors
@pytest.mark.parametrize("role", [OWNER, SUPERUSER, "supabase_auth_admin", "pg_read_all_data"])
def test_no_session_of_the_api_becomes_somebody_with_more_rights(
    attacked: Database, role: str
) -> None:
    with attacking(attacked, VIEWER) as connection:
        for reset in ("select 1", "reset role", "set role none"):
            run(connection, reset)
            assert state(connection, f"set role {role}") == "42501"
            assert state(connection, f"set local role {role}") == "42501"
            assert state(connection, f"set session authorization {role}") == "42501"
            assert state(connection, f"select set_config('role', '{role}', true)") == "42501"
        assert state(connection, "set local role anon") == "00000"


@both_majors
def test_the_login_of_the_api_has_no_rights_of_its_own(attacked: Database) -> None:
    with attacking(attacked, VIEWER) as connection:
        assert titles(connection)
        for reset in ("reset role", "set local role none", "set session authorization default"):
            become(connection, VIEWER)
            run(connection, reset)
            assert run(connection, "select current_user").scalar_one() == "authenticator"
            assert state(connection, TITLES) == "42501"
            assert state(connection, "select mivaa.get_workspace_id()") == "42501"
            assert state(connection, "select * from public.migration_tracking") == "42501"


@both_majors
def test_the_login_of_the_api_cannot_configure_postgrest(attacked: Database) -> None:
    """PostgREST reads settings of its login, the key of its tokens among them."""
    configure = "alter role authenticator set pgrst.jwt_secret = 'of the attacker'"
    with attacking(attacked, VIEWER) as connection:
        for reset in ("select 1", "reset role", "set local role service_role"):
            run(connection, reset)
            assert state(connection, configure) == "42501"
    with superuser(attacked) as connection:
        assert state(connection, configure) == "00000"


@both_majors
def test_a_login_that_may_become_a_user_becomes_nobody_else(attacked: Database) -> None:
    """What docs/security.md recommends for direct access: it cannot become service_role."""
    with superuser(attacked) as connection:
        run(connection, "create role direct_access login noinherit")
        run(connection, "grant authenticated to direct_access")
        run(connection, "set session authorization direct_access")
        assert state(connection, TITLES) == "42501"
        assert state(connection, "set local role service_role") == "42501"
        run(connection, "set local role authenticated")
        assert titles(connection) == []
        claim(connection, VIEWER)
        assert titles(connection)
        run(connection, "reset session authorization")


@both_majors
def test_claims_that_are_set_back_by_a_savepoint_are_back(attacked: Database) -> None:
    with attacking(attacked, VIEWER) as connection:
        own = titles(connection)
        run(connection, "savepoint s")
        claim(connection, OWNER_ELSEWHERE)
        assert "Title of elsewhere" in titles(connection)
        run(connection, "rollback to savepoint s")
        assert titles(connection) == own
        assert "Title of elsewhere" not in own


@both_majors
def test_the_next_transaction_of_a_connection_has_no_claims(attacked: Database) -> None:
    with attacked.engine("authenticator").connect() as connection:
        with connection.begin():
            become(connection, VIEWER)
            assert titles(connection)
        with connection.begin():
            run(connection, "set local role authenticated")
            assert titles(connection) == []
            assert run(connection, "select mivaa.user_id()").scalar_one() is None


@both_majors
def test_forged_claims_of_role_and_workspace_count_for_nothing(attacked: Database) -> None:
    """Whoever one says to be is believed; what one may do is looked up."""
    forged = [
        {"role": "service_role"},
        {"user_role": "owner", "app_metadata": {"role": "owner", "provider": "x"}},
        {"is_super_admin": True, "bypassrls": True},
    ]
    with attacking(attacked, VIEWER) as connection:
        own = titles(connection)
        for more in forged:
            claim(connection, attacker("forger", WORLD.person("viewer"), **more))
            assert titles(connection) == own
            assert run(connection, "select mivaa.get_user_role()").scalar_one() == "viewer"
        for place in ("workspace_id", "app_metadata", "user_metadata"):
            choice = str(ELSEWHERE) if place == "workspace_id" else {"workspace_id": str(ELSEWHERE)}
            person = WORLD.person("viewer", claim=False)
            claim(connection, attacker("forger", person, **{place: choice}))
            assert titles(connection) == []
        headers = json.dumps({"x-workspace-id": str(ELSEWHERE)})
        claim(connection, VIEWER)
        connection.exec_driver_sql("select set_config('request.headers', %s, true)", (headers,))
        assert titles(connection) == []


@both_majors
def test_every_setting_that_functions_read_is_attacked_here(attacked: Database) -> None:
    with superuser(attacked) as connection:
        found = run(
            connection,
            "select distinct m[1] from pg_proc p,"
            r" regexp_matches(p.prosrc, 'current_setting\(\s*''([^'']+)''', 'g') m"
            " where p.pronamespace in ('mivaa'::regnamespace, 'public'::regnamespace)",
        ).scalars()
        assert set(found) <= SETTINGS


@both_majors
def test_settings_of_scans_change_no_answer(attacked: Database) -> None:
    """A search reads them to put them back; before the library is loaded, they can be any text."""
    call = "select id from public.search_documents_hybrid(array_fill(1, array[768])::vector)"
    evil = "off'; set role service_role; --"
    attacked.engine("authenticator").dispose()
    with attacking(attacked, VIEWER) as connection:
        for name in ("hnsw.iterative_scan", "hnsw.ef_search"):
            connection.exec_driver_sql("select set_config(%s, %s, true)", (name, evil))
        # The library takes no value that it does not know.
        assert state(connection, call) == "00000"
        usual = answer(connection, call)
        run(connection, "set local hnsw.ef_search = 1")
        run(connection, "set local hnsw.iterative_scan = off")
        assert answer(connection, call) == usual
        assert run(connection, "select current_user").scalar_one() == "authenticated"


@both_majors
def test_the_setting_of_the_upgrade_lets_nobody_write_more(attacked: Database) -> None:
    """It makes a write smaller: all columns but the workspace stay as they were."""
    edit = f"update public.document_chunks set {{}} where id = '{CHUNK}'"
    content = f"select content from public.document_chunks where id = '{CHUNK}'"
    with attacking(attacked, EDITOR) as connection:
        run(connection, "set local mivaa.filling = 'on'")
        assert state(connection, edit.format(f"workspace_id = '{ELSEWHERE}'")) == "42501"
        assert state(connection, edit.format("workspace_id = null")) in ("42501", "23502")
        foreign = f"workspace_id = workspace_id, document_id = '{ROWS['documents']}'"
        run(connection, edit.format(foreign + ", content = 'through'"))
        assert run(connection, content).scalar_one() == "Chunk of editor"
        reached = f"update public.document_chunks set workspace_id = '{WORLD.a}' where id = '{{}}'"
        assert run(connection, reached.format(ROWS["document_chunks"])).rowcount == 0
        become(connection, VIEWER)
        assert run(connection, reached.format(CHUNK)).rowcount == 0
        become(connection, EDITOR)
        run(connection, "set local mivaa.filling = ''")
        run(connection, edit.format("workspace_id = workspace_id, content = 'through'"))
        assert run(connection, content).scalar_one() == "through"


HARMLESS = {
    "transform_null_equals": "on",
    "plpgsql.extra_errors": "'all'",
    "plan_cache_mode": "force_generic_plan",
    "enable_indexscan": "off",
    "enable_seqscan": "off",
    "datestyle": "German",
    "intervalstyle": "iso_8601",
    "array_nulls": "off",
    "standard_conforming_strings": "off",
    "search_path": "pg_temp, mivaa",
    "quote_all_identifiers": "on",
    "cursor_tuple_fraction": "0.01",
    "constraint_exclusion": "on",
    "session_preload_libraries": None,
    "session_replication_role": None,
    "allow_system_table_mods": None,
    "zero_damaged_pages": None,
    "plpgsql.variable_conflict": None,
    "log_min_messages": None,
}
"""Settings of the server that could change what our code means; None: only superusers set them."""


@both_majors
@pytest.mark.parametrize("name", HARMLESS)
def test_no_setting_of_the_server_opens_anything(attacked: Database, name: str) -> None:
    calls = (
        "select mivaa.get_workspace_id(), mivaa.get_user_role(), mivaa.has_permission('write')",
        "select count(*) from public.documents",
        "select * from public.get_embedding_migration_progress()",
    )
    to = HARMLESS[name]
    with attacking(attacked, VIEWER) as connection:
        run(connection, "select mivaa.get_user_role()")
        before = [run(connection, sql).all() for sql in calls]
        if to is None:
            assert state(connection, f"set local {name} = 'x'") in ("42501", "55P02")
            return
        run(connection, f"set local {name} = {to}")
        assert [run(connection, sql).all() for sql in calls] == before


@both_majors
def test_row_security_off_is_an_error_and_gives_no_access(attacked: Database) -> None:
    with attacking(attacked, VIEWER) as connection:
        run(connection, "set local row_security = off")
        assert state(connection, TITLES) == "42501"
        assert state(connection, "update public.documents set title = 'x'") == "42501"
        assert state(connection, "select * from public.get_embedding_migration_progress()") == (
            "42501"
        )
        assert run(connection, "select mivaa.get_user_role()").scalar_one() == "viewer"
        run(connection, "set local row_security = on")
        assert titles(connection)


@both_majors
@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
def test_a_prepared_statement_reads_the_identity_at_each_execution(
    attacked: Database, mode: str
) -> None:
    with superuser(attacked) as connection:
        run(connection, f"set local plan_cache_mode = {mode}")
        run(connection, f"prepare t as {TITLES}")
        run(
            connection,
            "prepare w (text) as update public.documents set title = $1",
        )

        def prepared() -> set[str]:
            return {title for (title,) in run(connection, "execute t")}

        assert "Title of elsewhere" in prepared()
        for _ in range(7):  # a generic plan comes after five
            become(connection, SERVICE)
            assert {"Title of elsewhere", "Title of viewer"} <= prepared()
            become(connection, VIEWER)
            assert "Title of viewer" in prepared()
            assert "Title of elsewhere" not in prepared()
            assert run(connection, "execute w ('x')").rowcount == 0
            become(connection, OWNER_ELSEWHERE)
            assert prepared() == {
                "Title of elsewhere",
                "More of elsewhere",
                "Not embedded elsewhere",
            }
            become(connection, STRANGER)
            assert prepared() == set()
            become(connection, Attacker("anon", "anon"))
            assert state(connection, "execute t") == "42501"
        run(connection, "reset role")
        run(connection, "deallocate all")


@both_majors
def test_functions_read_the_identity_at_each_execution_too(attacked: Database) -> None:
    """Their plans are kept for the session, and their helpers' are as well."""
    with attacking(attacked, VIEWER) as connection:
        for _ in range(7):
            become(connection, EDITOR)
            assert run(connection, "select mivaa.has_permission('write')").scalar_one() is True
            become(connection, VIEWER)
            assert run(connection, "select mivaa.has_permission('write')").scalar_one() is False
            become(connection, STRANGER)
            assert run(connection, "select mivaa.get_workspace_id()").scalar_one() is None
            assert state(connection, "select * from get_embedding_migration_progress()") == "42501"
            become(connection, OWNER_ELSEWHERE)
            assert run(connection, "select mivaa.get_workspace_id()").scalar_one() == ELSEWHERE


@both_majors
def test_a_cursor_keeps_the_rights_with_which_it_was_opened(attacked: Database) -> None:
    """Becoming somebody with more rights does not widen what is already open."""
    with attacking(attacked, VIEWER) as connection:
        run(connection, f"declare c cursor for {TITLES}")
        first = run(connection, "fetch 1 from c").scalar_one()
        become(connection, OWNER_ELSEWHERE)
        rest = [title for (title,) in run(connection, "fetch all from c")]
        assert first.startswith("Title of")
        assert len(rest) > 5
        assert not [title for title in rest if "elsewhere" in title]
        run(connection, f"declare d cursor for {TITLES}")
        assert "Title of elsewhere" in [title for (title,) in run(connection, "fetch all from d")]


@both_majors
def test_a_cursor_ends_with_its_transaction(attacked: Database) -> None:
    with attacked.engine("authenticator").connect() as connection:
        with connection.begin():
            become(connection, OWNER_ELSEWHERE)
            run(connection, f"declare c cursor for {TITLES}")
            assert run(connection, "fetch 1 from c").all()
        with connection.begin():
            become(connection, VIEWER)
            assert state(connection, "fetch 1 from c") == "34000"
