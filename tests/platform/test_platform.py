"""The stand-in: what is missing is created as on Supabase, what is there stays."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from mivaa_schema import platform
from mivaa_schema.database import create_engine
from mivaa_schema.platform import PlatformFailed, PlatformNotPermitted, PlatformOfAnother

EVERYTHING = [*platform.PARTS, *platform.EXTRAS]
USER = "7e57f00d-0000-4000-8000-000000000001"


def value(connection, sql, **parameters):
    return connection.execute(sa.text(sql), parameters).scalar()


@pytest.fixture
def installed(blank):
    with blank.connection() as connection:
        platform.install(connection)
    return blank


def test_blank_database_gets_every_part_and_the_second_time_none(blank):
    with blank.connection() as connection:
        assert platform.missing(connection, extras=True) == EVERYTHING
        connection.rollback()
        assert sorted(platform.install(connection)) == sorted(EVERYTHING)
        assert not connection.in_transaction()
    with blank.connection() as connection:
        assert platform.missing(connection, extras=True) == []
        connection.rollback()
        assert platform.install(connection) == []


@pytest.mark.parametrize("part", ["auth.users", "auth.uid()", "auth.jwt()", "auth.role()"])
def test_missing_part_is_completed_and_the_others_stay(installed, part):
    kind = "function" if part.endswith("()") else "table"
    installed.run(f"drop {kind} {part}")
    with installed.connection() as connection:
        assert platform.install(connection) == [part]


def test_own_function_of_the_same_name_is_kept(blank):
    blank.run(
        "create schema auth",
        f"create function auth.uid() returns uuid language sql return '{USER}'::uuid",
    )
    with blank.connection() as connection:
        assert "auth.uid()" not in platform.install(connection)
        assert str(value(connection, "select auth.uid()")) == USER


def test_all_or_nothing(blank):
    # A relation of the table's name that is no table.
    blank.run("create schema auth", "create view auth.users as select 1 as id")
    with (
        blank.connection() as connection,
        pytest.raises(PlatformFailed, match=r'auth\.users .*42P07.*"users" already exists'),
    ):
        platform.install(connection)
    with blank.connection() as connection:
        assert "role anon" in platform.missing(connection)


def test_installing_within_a_transaction_joins_it(blank):
    with blank.connection() as connection:
        connection.execute(sa.text("select 1"))
        assert platform.install(connection)
        connection.rollback()
        assert platform.missing(connection, extras=True) == EVERYTHING


def test_two_databases_of_one_server_at_once(blank, other):
    outcomes = []

    def install(database):
        with blank.connection(database=database) as connection:
            outcomes.append(platform.install(connection))

    for _ in range(3):
        threads = [threading.Thread(target=install, args=[name]) for name in ("blank", other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(outcomes) == 6
    for database in ("blank", other):
        with blank.connection(database=database) as connection:
            assert platform.missing(connection, extras=True) == []


def test_two_at_once_in_one_database(blank):
    outcomes = []

    def install():
        with blank.connection() as connection:
            outcomes.append(len(platform.install(connection)))

    threads = [threading.Thread(target=install) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [0, 0, len(EVERYTHING)]


# Roles


def test_roles_are_as_on_the_platform(installed):
    with installed.connection() as connection:
        found = connection.execute(sa.text("""
            select rolname, rolcanlogin, rolbypassrls, rolinherit from pg_roles
            where rolname in ('anon', 'authenticated', 'service_role', 'authenticator',
                              'supabase_auth_admin')
            order by rolname
        """)).all()  # fmt: skip
    assert [tuple(row) for row in found] == [
        ("anon", False, False, False),
        ("authenticated", False, False, False),
        ("authenticator", True, False, False),
        ("service_role", False, True, False),
        ("supabase_auth_admin", False, False, False),
    ]


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_authenticator_can_become_an_api_role_and_ask_who_it_is(installed, role):
    with installed.connection("authenticator") as connection:
        connection.execute(sa.text(f"set local role {role}"))
        assert value(connection, "select auth.uid()") is None
        assert value(connection, "select has_schema_privilege('extensions', 'usage')")


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_api_roles_cannot_read_users_or_create_in_auth(installed, role):
    for sql in ("select from auth.users", "create table auth.mine ()"):
        with installed.connection("authenticator") as connection:
            connection.execute(sa.text(f"set local role {role}"))
            with pytest.raises(exc.ProgrammingError, match="permission denied"):
                connection.execute(sa.text(sql))


# Claims


def claims(connection, **settings):
    for name, text in settings.items():
        name = name.replace("__", ".")
        connection.execute(
            sa.text("select set_config(:name, :text, true)"), {"name": name, "text": text}
        )


def test_no_claims_are_nobody_also_after_a_request_on_the_same_connection(installed):
    with installed.connection() as connection:
        for _ in range(2):
            for function in ("uid", "jwt", "role"):
                assert value(connection, f"select auth.{function}()") is None
            # A setting that was used once reads as the empty string afterwards.
            claims(connection, request__jwt__claims='{"role": "anon"}')
            claims(connection, request__jwt__claim__sub=USER)
            connection.rollback()


def rename(settings):
    return {f"request.jwt.{name}": text for name, text in settings.items()}


@pytest.mark.parametrize(
    ("settings", "user", "role"),
    [
        ({"claims": f'{{"sub": "{USER}", "role": "authenticated"}}'}, USER, "authenticated"),
        ({"claim.sub": USER, "claim.role": "anon"}, USER, "anon"),
        ({"claim.sub": USER, "claims": '{"sub": "not this", "role": "x"}'}, USER, "x"),
        ({"claims": '{"role": "service_role"}'}, None, "service_role"),
        ({"claims": '{"sub": null}'}, None, None),
        ({"claims": "", "claim.sub": "", "claim.role": ""}, None, None),
    ],
)
def test_claims_are_read_in_the_new_and_the_old_form(installed, settings, user, role):
    with installed.connection() as connection:
        for name, text in rename(settings).items():
            value(connection, "select set_config(:name, :text, true)", name=name, text=text)
        found = value(connection, "select auth.uid()")
        assert (found and str(found), value(connection, "select auth.role()")) == (user, role)


def test_all_claims_come_as_json(installed):
    with installed.connection() as connection:
        claims(connection, request__jwt__claims='{"app_metadata": {"workspace_id": "w"}}')
        found = value(connection, "select auth.jwt() -> 'app_metadata' ->> 'workspace_id'")
        assert found == "w"


@pytest.mark.parametrize(("sub", "state"), [("no-uuid", "22P02"), ("", "22P02")])
def test_malformed_sub_raises_as_on_the_platform(installed, sub, state):
    with installed.connection() as connection:
        claims(connection, request__jwt__claims=f'{{"sub": "{sub}"}}')
        with pytest.raises(exc.DataError) as failure:
            value(connection, "select auth.uid()")
    assert failure.value.orig.pgcode == state


def test_search_path_of_the_caller_cannot_redirect_the_claims(installed):
    with installed.connection() as connection:
        connection.execute(sa.text("create schema trap"))
        connection.execute(sa.text(
            "create function trap.current_setting(text, boolean) returns text language sql "
            "return 'trapped'"
        ))  # fmt: skip
        connection.execute(sa.text("set local search_path = trap, pg_catalog"))
        assert value(connection, "select auth.role()") is None


# Owners and rights


def test_new_parts_of_auth_can_belong_to_another_role(blank):
    blank.run("create role supabase_auth_admin")
    with blank.connection() as connection:
        platform.install(connection, owner="supabase_auth_admin")
        assert platform.owner_of_auth(connection) == "supabase_auth_admin"
        owners = connection.execute(sa.text("""
            select pg_get_userbyid(relowner) from pg_class where relnamespace = 'auth'::regnamespace
            union
            select pg_get_userbyid(proowner) from pg_proc where pronamespace = 'auth'::regnamespace
        """)).scalars().all()  # fmt: skip
    assert owners == ["supabase_auth_admin"]


def test_complete_platform_of_somebody_else_is_left_alone(blank):
    blank.run("create role stranger login createrole")
    with blank.connection() as connection:
        platform.install(connection)
    blank.run(
        "comment on schema auth is null",
        "drop schema extensions",
        "grant create on database blank to stranger",
    )
    with blank.connection("stranger") as connection:
        assert platform.install(connection) == []
        assert not platform.is_stand_in(connection)
        assert "schema extensions" in platform.missing(connection, extras=True)


def test_incomplete_platform_of_somebody_else_is_refused(installed):
    installed.run(
        "drop function auth.jwt()",
        "create role stranger login",
        "grant create on database blank to stranger",
    )
    with installed.connection("stranger") as connection:
        with pytest.raises(PlatformOfAnother, match=r"auth\.jwt\(\).*belongs to `postgres`"):
            platform.install(connection)
        assert platform.missing(connection) == ["auth.jwt()"]


def test_user_without_rights_is_told_which_right_is_missing(blank):
    blank.run("create role stranger login")
    with blank.connection("stranger") as connection:
        with pytest.raises(PlatformNotPermitted, match="`stranger` may not create role anon"):
            platform.install(connection)
        assert platform.missing(connection, extras=True) == EVERYTHING


def test_administrator_who_is_no_superuser_installs_and_may_become_the_api_roles(blank):
    blank.run(
        "create role admin login createrole bypassrls", "grant create on database blank to admin"
    )
    with blank.connection("admin") as connection:
        assert sorted(platform.install(connection)) == sorted(EVERYTHING)
        connection.execute(sa.text("set local role authenticated"))
        assert value(connection, "select auth.role()") is None
        connection.rollback()
    blank.run("drop owned by admin", "revoke all on database blank from admin")


def test_functions_of_two_installations_are_the_same(blank, other):
    def look(database):
        with create_engine(blank.url(database=database)).connect() as connection:
            platform.install(connection)
            return connection.execute(sa.text("""
                select pg_get_functiondef(oid) from pg_proc
                where pronamespace = 'auth'::regnamespace order by proname
            """)).scalars().all()  # fmt: skip

    assert look("blank") == look(other)
