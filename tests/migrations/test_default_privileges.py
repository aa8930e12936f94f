"""The private schema and its records are closed, whatever the platform grants by default."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from history.test_round_trips import REVISIONS

from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.drift import found

ROLE = "do $$ begin create role somebody; exception when duplicate_object then end $$"
GENEROUS = (
    "alter default privileges grant all on tables to public, anon, somebody",
    "alter default privileges grant all on functions to public, anon, somebody",
    "alter default privileges grant all on schemas to authenticated, anon, somebody",
)
OPEN = sa.text("""
select n.nspname as name, case a.grantee when 0 then 'public'
  else pg_get_userbyid(a.grantee) end as grantee, a.privilege_type
from pg_namespace n, aclexplode(n.nspacl) a where n.nspname = 'mivaa' and a.grantee <> n.nspowner
union all
select c.oid::regclass::text, case a.grantee when 0 then 'public'
  else pg_get_userbyid(a.grantee) end, a.privilege_type
from pg_class c, aclexplode(c.relacl) a
where c.relnamespace = 'mivaa'::regnamespace and c.relkind = 'r' and a.grantee <> c.relowner
""")
API = {
    ("mivaa", role, "USAGE") for role in ("authenticated", "service_role", "supabase_auth_admin")
}


def open_to(made: Database) -> set[tuple[str, str, str]]:
    with made.owner() as connection:
        return {tuple(row) for row in connection.execute(OPEN)}


@both_majors
@pytest.mark.parametrize("revision", ["0001", "head"])
def test_no_default_privilege_opens_the_records(platform_database: Database, revision: str) -> None:
    with platform_database.superuser() as connection:
        connection.exec_driver_sql(ROLE)
    with platform_database.owner() as connection:
        for statement in GENEROUS:
            connection.exec_driver_sql(statement)
    platform_database.upgrade(revision)
    assert open_to(platform_database) <= API
    platform_database.upgrade()
    assert open_to(platform_database) == API


@both_majors
def test_an_empty_schema_that_was_there_before_is_closed_to_public(
    platform_database: Database,
) -> None:
    with platform_database.owner() as connection:
        connection.exec_driver_sql("create schema mivaa; grant usage on schema mivaa to public")
    assert ("mivaa", "public", "USAGE") in open_to(platform_database)
    platform_database.upgrade("0001")
    assert not [right for right in open_to(platform_database) if right[1] == "public"]


@both_majors
def test_nothing_that_an_upgrade_creates_is_open_to_another_role(
    platform_database: Database,
) -> None:
    """Neither tables nor functions, at any revision; so there is no drift from the first day."""
    with platform_database.superuser() as connection:
        connection.exec_driver_sql(ROLE)
    with platform_database.owner() as connection:
        for kind in ("tables", "functions", "sequences"):
            connection.exec_driver_sql(f"alter default privileges grant all on {kind} to somebody")
    for revision in REVISIONS:
        platform_database.upgrade(revision)
        assert found(platform_database) == [], revision
