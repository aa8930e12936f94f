"""The platform of the other tests is of the kind that the options of the run name."""

from __future__ import annotations

import pytest
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from fixtures.clusters import Kind
from fixtures.databases import OWNER, Database
from fixtures.people import acting

API_ROLES = ("anon", "authenticated", "service_role")


def value(connection: Connection, sql: str) -> object:
    return connection.exec_driver_sql(sql).scalar_one()


def test_the_server_is_of_the_version(platform_database: Database, platform_kind: Kind) -> None:
    with platform_database.owner() as connection:
        number = int(str(value(connection, "show server_version_num")))
    assert number // 10000 == platform_kind.major


def test_vector_is_in_the_schema(platform_database: Database, platform_kind: Kind) -> None:
    platform_database.upgrade()
    with platform_database.owner() as connection:
        asked = "select extnamespace::regnamespace::text from pg_extension where extname = 'vector'"
        assert value(connection, asked) == platform_kind.vector_schema


def test_the_owner_is_no_superuser_and_finds_auth_closed(platform_database: Database) -> None:
    with platform_database.owner() as connection:
        assert value(connection, "select current_user::text") == OWNER
        assert value(connection, "show is_superuser") == "off"
        assert value(connection, "show statement_timeout") == "2min"
        connection.exec_driver_sql("create table public.allowed ()")
    for statement in ("create table auth.mine ()", "create function auth.f() returns int return 1"):
        with platform_database.engine().connect() as connection:
            with pytest.raises(exc.DBAPIError) as caught:
                connection.exec_driver_sql(statement)
            assert getattr(caught.value.orig, "pgcode", None) == "42501"


@pytest.mark.parametrize("role", API_ROLES)
def test_a_new_table_is_granted_as_the_defaults_say(
    platform_database: Database, platform_kind: Kind, role: str
) -> None:
    with platform_database.owner() as connection:
        connection.exec_driver_sql("create table public.notes ()")
        for privilege in ("select", "insert", "update", "delete"):
            asked = f"select has_table_privilege('{role}', 'public.notes', '{privilege}')"
            assert value(connection, asked) is (platform_kind.default_grants == "legacy")


@pytest.mark.parametrize("role", API_ROLES)
def test_a_new_function_is_executed_by_everybody(platform_database: Database, role: str) -> None:
    with platform_database.owner() as connection:
        connection.exec_driver_sql("create function public.one() returns int return 1")
    with acting(platform_database, role) as connection:
        assert value(connection, "select public.one()") == 1
