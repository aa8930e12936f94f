"""Aliases in schema auth: created where the owner of the tables may, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.engine import Connection

from fixtures.calls import Refusal, call, refused
from fixtures.clusters import SUPERUSER, both_majors
from fixtures.databases import OWNER, Database
from fixtures.people import Person, World

W = World()
ALIASES = ("auth.get_user_role()", "auth.get_workspace_id()", "auth.has_permission(text)")
CALLS = ("get_workspace_id()", "get_user_role()", "has_permission('write')")

FOUND = sa.text(
    "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
    " where n.nspname = 'auth' and p.proname not in ('uid', 'jwt', 'role') order by 1"
)
RECORDED = sa.text("select count(*) from mivaa.ledger where object_name like 'auth.%'")


def found(made: Database) -> list[str]:
    with made.superuser() as connection:
        return list(connection.execute(FOUND).scalars())


def recorded(made: Database) -> int:
    with made.owner() as connection:
        return int(connection.execute(RECORDED).scalar_one())


def open_auth(made: Database) -> None:
    with made.superuser() as connection:
        connection.exec_driver_sql(f"grant create on schema auth to {OWNER}")


@pytest.fixture(scope="module")
def opened_on(
    clone: Callable[[int, str], Database], platform_template: Callable[[int], str]
) -> Callable[[int], Database]:
    """A platform whose schema auth is open to the owner of the tables, with people."""

    @cache
    def of(major: int) -> Database:
        made = clone(major, platform_template(major))
        open_auth(made)
        made.upgrade()
        W.create(made)
        return made

    return of


@pytest.fixture
def opened(major: int, opened_on: Callable[[int], Database]) -> Database:
    return opened_on(major)


@both_majors
def test_they_are_created_and_recorded_where_auth_is_open(opened: Database) -> None:
    assert tuple(found(opened)) == ALIASES
    assert recorded(opened) == len(ALIASES)


def test_they_are_not_created_where_auth_is_closed(shared_world: Database) -> None:
    assert found(shared_world) == []
    assert recorded(shared_world) == 0


@both_majors
@pytest.mark.parametrize("function", CALLS)
@pytest.mark.parametrize(
    "person",
    [Person("owner", W.a), Person("viewer", W.a), Person("both"), Person("stranger", W.a)],
    ids=lambda person: person.name,
)
def test_they_return_what_those_of_schema_mivaa_return(
    opened: Database, person: Person, function: str
) -> None:
    said = call(opened, f"auth.{function}", claims=person.claims)
    assert said == call(opened, f"mivaa.{function}", claims=person.claims)


@both_majors
def test_the_argument_has_the_name_that_applications_use(opened: Database) -> None:
    asked = "auth.has_permission(permission_name => 'read')"
    assert call(opened, asked, claims=Person("viewer", W.a).claims) is True


@both_majors
def test_a_misspelt_permission_is_an_error_there_too(opened: Database) -> None:
    refusal = refused(opened, "auth.has_permission('raed')", claims=Person("owner", W.a).claims)
    assert refusal.state == "22023"


@both_majors
@pytest.mark.parametrize("function", CALLS)
def test_anon_executes_none_of_them(opened: Database, function: str) -> None:
    assert refused(opened, f"auth.{function}", role="anon").state == "42501"


@both_majors
def test_service_role_executes_them(opened: Database) -> None:
    assert call(opened, "auth.get_workspace_id()", role="service_role") is None


@dataclass(frozen=True)
class Rule:
    """What holds for each alias, the condition that breaks it, and faults that it must find."""

    name: str
    broken_by: str
    faults: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


RULES = (
    Rule(
        "it looks in schemas of the server alone",
        "p.proconfig is distinct from array['search_path=pg_catalog, pg_temp']",
        (
            "alter function {} reset search_path",
            "alter function {} set search_path = public",
            "alter function {} set search_path = pg_temp, pg_catalog",
            "alter function {} set plan_cache_mode = force_custom_plan",
        ),
    ),
    Rule("it has the rights of its caller", "p.prosecdef", ("alter function {} security definer",)),
    Rule(
        "it is planned as stable",
        "p.provolatile <> 's'",
        ("alter function {} volatile", "alter function {} immutable"),
    ),
    Rule(
        "it can run in parallel workers",
        "p.proparallel <> 's'",
        ("alter function {} parallel unsafe", "alter function {} parallel restricted"),
    ),
    Rule("it is not leakproof", "p.proleakproof", ("alter function {} leakproof",)),
    Rule(
        "it is the owner's of the tables",
        f"p.proowner <> '{OWNER}'::regrole",
        ("alter function {} owner to supabase_admin",),
    ),
    Rule(
        "authenticated and service_role execute it, and nobody else",
        "(select array_agg(coalesce(r.rolname, 'public')"
        " || case when a.is_grantable then ' and may grant it' else '' end order by r.rolname)"
        " from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        " left join pg_roles r on r.oid = a.grantee where a.grantee <> p.proowner)"
        " is distinct from array['authenticated', 'service_role']",
        (
            "grant execute on function {} to public",
            "grant execute on function {} to anon",
            "grant execute on function {} to authenticated with grant option",
            "revoke execute on function {} from service_role",
        ),
    ),
    Rule(
        "it says what it is for",
        "obj_description(p.oid, 'pg_proc') is null",
        ("comment on function {} is null",),
    ),
)


def breaking(connection: Connection, rule: Rule) -> list[str]:
    """The aliases that break a rule."""
    connection.exec_driver_sql("set local search_path = pg_catalog")
    asked = (
        "select p.oid::regprocedure::text from pg_proc p where p.pronamespace ="
        f" 'auth'::regnamespace and p.proname not in ('uid', 'jwt', 'role') and {rule.broken_by}"
    )
    return sorted(connection.exec_driver_sql(asked).scalars())


@both_majors
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_each_of_them_keeps_the_rules_of_functions(opened: Database, rule: Rule) -> None:
    with opened.superuser() as connection:
        assert breaking(connection, rule) == []


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        pytest.param(rule, fault, id=f"{rule.name}: {fault}")
        for rule in RULES
        for fault in rule.faults
    ],
)
def test_a_rule_finds_the_alias_that_breaks_it(
    opened: Database, alias: str, rule: Rule, fault: str
) -> None:
    with opened.engine(SUPERUSER).connect() as connection:
        connection.exec_driver_sql(fault.format(alias))
        assert breaking(connection, rule) == [alias]


@both_majors
def test_no_policy_depends_on_them(opened: Database) -> None:
    asked = sa.text(
        "select count(*) from pg_depend d join pg_proc p on p.oid = d.refobjid"
        " where d.classid = 'pg_policy'::regclass and p.pronamespace = 'auth'::regnamespace"
    )
    with opened.owner() as connection:
        assert connection.execute(asked).scalar_one() == 0


def test_a_downgrade_takes_them_away_again(platform_database: Database) -> None:
    open_auth(platform_database)
    before = platform_database.dump()
    platform_database.upgrade("0006")
    assert tuple(found(platform_database)) == ALIASES
    platform_database.downgrade()
    assert found(platform_database) == []
    assert platform_database.dump() == before


def test_one_that_the_platform_has_already_is_left_as_it_is(platform_database: Database) -> None:
    open_auth(platform_database)
    with platform_database.superuser() as connection:
        connection.exec_driver_sql(
            "create function auth.get_user_role() returns text language sql as 'select ''theirs'''"
        )
    before = platform_database.dump()
    platform_database.upgrade("0006")
    assert tuple(found(platform_database)) == ALIASES
    assert recorded(platform_database) == len(ALIASES) - 1
    assert call(platform_database, "auth.get_user_role()", claims=Person("owner").claims) == (
        "theirs"
    )
    platform_database.downgrade()
    assert platform_database.dump() == before


def test_a_superuser_makes_them_even_where_auth_belongs_to_the_platform(
    platform_database: Database,
) -> None:
    config = platform_database.config()
    config.attributes["connection"] = platform_database.engine(SUPERUSER)
    command.upgrade(config, "0006")
    assert tuple(found(platform_database)) == ALIASES


def test_they_can_be_called_by_name_only_where_they_are(shared_world: Database) -> None:
    refusal: Refusal = refused(shared_world, "auth.get_workspace_id()")
    assert refusal.state == "42883"
