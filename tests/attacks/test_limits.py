"""What remains possible by design: docs/security.md says so, and what to do about each.

These tests hold the page to the truth: where a limit is gone, its test fails, and the page and the
test are to be changed together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from fixtures.clusters import SUPERUSER, both_majors
from fixtures.databases import Database
from fixtures.intruder import (
    EDITOR,
    ELSEWHERE,
    OWNER_ELSEWHERE,
    ROWS,
    VIEWER,
    Attacker,
    attacking,
    become,
    differences,
    run,
    state,
)
from fixtures.people import World, named

WORLD = World()
A, ME, DOCUMENT = WORLD.a, named("editor"), ROWS["documents"]
TITLES = "select title from public.documents"
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"


@both_majors
def test_whoever_has_sql_can_take_another_identity(attacked: Database) -> None:
    claims = json.dumps(OWNER_ELSEWHERE.claims)
    with attacking(attacked, VIEWER) as connection:
        assert "Title of elsewhere" not in run(connection, TITLES).scalars().all()
        connection.exec_driver_sql("select set_config('request.jwt.claims', %s, true)", (claims,))
        assert "Title of elsewhere" in run(connection, TITLES).scalars().all()


@both_majors
def test_whoever_has_sql_on_the_login_of_the_api_can_become_service_role(
    attacked: Database,
) -> None:
    with attacking(attacked, VIEWER) as connection:
        run(connection, "set local role service_role")
        assert "Title of elsewhere" in run(connection, TITLES).scalars().all()


@both_majors
def test_the_login_of_the_api_reads_and_ends_what_its_other_sessions_do(attacked: Database) -> None:
    look = (
        "select query, pg_terminate_backend(pid, 10000) from pg_stat_activity"
        " where datname = current_database() and query like '%of a neighbour%' and pid <>"
        " pg_backend_pid()"
    )
    with attacked.engine("authenticator").connect() as other:
        become(other, OWNER_ELSEWHERE)
        run(other, "select 'secret of a neighbour'")
        with attacking(attacked, VIEWER) as connection:
            assert run(connection, look).all() == []
            run(connection, "reset role")
            assert run(connection, look).all() == [("select 'secret of a neighbour'", True)]
        other.invalidate()


@both_majors
def test_the_login_of_the_api_changes_its_own_password_and_defaults(attacked: Database) -> None:
    with attacking(attacked, VIEWER) as connection:
        for change in ("password 'mine'", "set default_transaction_read_only = on"):
            assert state(connection, f"alter role authenticator {change}") == "42501"
            run(connection, "reset role")
            assert state(connection, f"alter role authenticator {change}") == "00000"
            become(connection, VIEWER)


UNIQUE = {
    "an insert": f"insert into public.documents (id, workspace_id, user_id, title)"
    f" values ('{DOCUMENT}', '{A}', '{ME}', 'x')",
    "an insert that does nothing on conflict": (
        f"insert into public.documents (id, workspace_id, user_id, title)"
        f" values ('{DOCUMENT}', '{A}', '{ME}', 'x') on conflict do nothing"
    ),
    "an update": f"update public.documents set id = '{DOCUMENT}'"
    f" where id = '{WORLD.row('documents', 'editor')}'",
}


@both_majors
@pytest.mark.parametrize("write", UNIQUE.values(), ids=list(UNIQUE))
def test_a_write_tells_that_an_id_exists(attacked: Database, write: str) -> None:
    """And nothing else: neither whose it is nor what is in the row."""
    (told,) = differences(attacked, EDITOR, [write])
    assert "elsewhere'" not in told
    assert str(ELSEWHERE) not in told
    assert "Title of elsewhere" not in told


def estimate(connection: Connection, condition: str) -> int:
    """How many documents the planner expects to meet a condition."""
    plan = f"explain (format json) select * from public.documents where {condition}"
    return int(run(connection, plan).scalar_one()[0]["Plan"]["Plan Rows"])


@both_majors
def test_an_estimate_tells_how_large_a_workspace_is_that_one_can_name(attacked: Database) -> None:
    nowhere = named("a workspace that exists nowhere")
    with attacking(attacked, VIEWER) as connection:
        known = estimate(connection, f"workspace_id = '{ELSEWHERE}'")
        assert known > estimate(connection, f"workspace_id = '{nowhere}'")


@both_majors
def test_an_estimate_tells_which_values_are_common_anywhere(attacked: Database) -> None:
    with attacking(attacked, VIEWER) as connection:
        assert "More of elsewhere" not in run(connection, TITLES).scalars().all()
        common = estimate(connection, "title = 'More of elsewhere'")
        assert common > estimate(connection, "title = 'nowhere'")


@both_majors
def test_who_manages_documents_is_told_that_statistics_were_renewed_just_now(
    attacked: Database,
) -> None:
    """By whomever, here not by the editor: the table has one set of statistics."""
    call = f"select details from public.optimize_workspace_data('{A}') where status = 'SKIPPED'"
    with attacking(attacked, EDITOR) as connection:
        told = set(run(connection, call).scalars())
    assert len(told) == 1
    assert "less than ten minutes ago, or other maintenance" in told.pop()


@both_majors
def test_an_execution_plan_tells_how_many_rows_were_passed_over(attacked: Database) -> None:
    plan = "explain (analyze, format json) select count(*) from public.documents"
    with attacking(attacked, VIEWER) as connection:
        run(connection, "set local enable_indexscan = off")
        run(connection, "set local enable_bitmapscan = off")
        run(connection, "set local enable_indexonlyscan = off")
        told = json.dumps(run(connection, plan).scalar_one())
    assert int(re.findall(r'"Rows Removed by Filter": (\d+)', told)[0]) > 100


@both_majors
def test_the_catalog_tells_how_many_rows_all_workspaces_have(attacked: Database) -> None:
    total = "select reltuples from pg_class where oid = 'public.documents'::regclass"
    with attacking(attacked, VIEWER) as connection:
        visible = run(connection, "select count(*) from public.documents").scalar_one()
        assert run(connection, total).scalar_one() > visible + 100


@both_majors
def test_the_source_of_functions_can_be_read(attacked: Database) -> None:
    with attacking(attacked, Attacker("anon", "anon")) as connection:
        source = "select prosrc from pg_proc where proname = 'workspace_for'"
        assert "workspace_members" in run(connection, source).scalar_one()


@both_majors
def test_whoever_may_write_can_lock_a_table(attacked: Database) -> None:
    """The privilege to update one row is the privilege to lock all, also for viewers."""
    with attacking(attacked, VIEWER) as connection:
        assert state(connection, "lock table public.documents in access exclusive mode") == "00000"
        assert state(connection, "lock table public.workspaces in share mode") == "42501"


@both_majors
def test_whoever_has_sql_can_hold_an_upgrade_up(attacked: Database) -> None:
    """Advisory locks belong to nobody; the upgrade says which session holds its own."""
    with attacking(attacked, VIEWER) as connection:
        lock = "select pg_try_advisory_xact_lock(6841377215308129)"
        assert run(connection, lock).scalar_one() is True


@both_majors
def test_whoever_has_sql_can_send_any_message(attacked: Database) -> None:
    with attacking(attacked, VIEWER) as connection:
        assert state(connection, "notify pgrst, 'reload schema'") == "00000"


@both_majors
def test_users_share_large_objects(attacked: Database) -> None:
    """All of them are the same role to the server; nothing of ours is kept in one."""
    with attacking(attacked, OWNER_ELSEWHERE) as connection:
        made = run(connection, "select lo_from_bytea(0, 'left here')").scalar_one()
        become(connection, VIEWER)
        read = run(connection, f"select convert_from(lo_get({made}), 'utf8')").scalar_one()
        assert read == "left here"


@pytest.fixture
def pooled(attacked: Database) -> Iterator[Connection]:
    """One connection of a pool, handed from request to request without being reset."""
    connection = attacked.engine("authenticator").connect()
    yield connection
    discard_all(connection)
    connection.close()


def discard_all(connection: Connection) -> None:
    """Reset a session as a pool should between two users of it."""
    connection.rollback()
    driver: Any = connection.connection.driver_connection
    driver.autocommit = True
    with driver.cursor() as cursor:
        cursor.execute("discard all")
    driver.autocommit = False


@both_majors
def test_a_cursor_with_hold_outlives_its_request(pooled: Connection) -> None:
    with pooled.begin():
        become(pooled, OWNER_ELSEWHERE)
        run(pooled, f"declare kept cursor with hold for {TITLES}")
    with pooled.begin():
        become(pooled, VIEWER)
        assert "Title of elsewhere" in run(pooled, "fetch all from kept").scalars().all()
    discard_all(pooled)
    with pooled.begin():
        assert state(pooled, "fetch all from kept") == "34000"


@both_majors
def test_a_setting_for_the_session_outlives_its_request(pooled: Connection) -> None:
    with pooled.begin():
        become(pooled, VIEWER)
        claim = "select set_config('request.jwt.claim.sub', '{}', false)"
        run(pooled, claim.format(named("elsewhere")))
    with pooled.begin():
        become(pooled, EDITOR)
        assert run(pooled, "select mivaa.user_id()").scalar_one() == named("elsewhere")
    discard_all(pooled)
    with pooled.begin():
        become(pooled, EDITOR)
        assert run(pooled, "select mivaa.user_id()").scalar_one() == ME


@both_majors
def test_a_temporary_table_outlives_its_request_and_takes_the_place_of_ours(
    pooled: Connection,
) -> None:
    """For names that an application writes without their schema; those of functions have one."""
    with pooled.begin():
        become(pooled, OWNER_ELSEWHERE)
        run(pooled, "create temporary table documents as select 'planted' as title")
        run(pooled, "grant select on documents to public")
    with pooled.begin():
        become(pooled, VIEWER)
        assert run(pooled, "select title from documents").scalars().all() == ["planted"]
        assert "planted" not in run(pooled, TITLES).scalars().all()


@both_majors
def test_temporary_objects_can_be_forbidden(attacked: Database) -> None:
    """What the page recommends, where nobody needs them."""
    create = "create temporary table mine (id uuid)"
    with attacked.engine(SUPERUSER).connect() as connection, connection.begin() as transaction:
        become(connection, VIEWER)
        assert state(connection, create) == "00000"
        run(connection, "reset role")
        run(connection, f"revoke temporary on database {attacked.name} from public")
        become(connection, VIEWER)
        assert state(connection, create) == "42501"
        assert run(connection, "select count(*) from public.documents").scalar_one() > 0
        transaction.rollback()


def test_the_page_names_tests_that_exist() -> None:
    named_tests = set(re.findall(r"`(test_\w+)(?:\.py)?`", PAGE.read_text(encoding="utf-8")))
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    files = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    tests = {name for text in sources for name in re.findall(r"def (test_\w+)", text)}
    assert len(named_tests) > 20
    assert named_tests - tests - files == set()


def test_the_page_has_every_limit() -> None:
    page = PAGE.read_text(encoding="utf-8")
    limits = re.findall(r"^def (test_\w+)", Path(__file__).read_text(encoding="utf-8"), re.M)
    missing = [name for name in limits if "_the_page_" not in name and name not in page]
    assert missing == []
