"""Each lint of the audit finds planted faults, and leaves alone what only looks like one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy.engine import Connection

from fixtures.clusters import SUPERUSER
from fixtures.databases import Database
from fixtures.laws import plant
from tools.audit.findings import compare, waivers
from tools.audit.lints import FOLDER, SETS, Lint, lints, prepare

TABLE = (
    "create table public.planted (id uuid primary key, other uuid references public.workspaces);"
)
VIEW = "create view public.planted as select id from public.documents;"
OF_USERS = "create view public.planted as select email from auth.users;"
TO_USERS = "grant select on public.planted to authenticated;"
ELSEWHERE = "create schema platform; grant usage on schema platform to authenticated;"
FOREIGN = (
    "create foreign data wrapper planted; create server planted foreign data wrapper planted;"
    "create foreign table public.planted (id int) server planted;"
)
MATERIALIZED = "create materialized view public.planted as select id from public.documents;"
SECRETS = "create table public.planted (id int primary key, token_count int, api_key text);"
QUEUE = "create schema pgmq; create table pgmq.q_planted (id int);"
# The server of the tests has no other extension than vector.
EXTENSION = (
    "insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)"
    " values (99999, '{}', 10, '{}'::regnamespace, false, '1');"
)
GRAPHQL = EXTENSION.format("pg_graphql", "extensions")
FUNCTION = "create function {} returns int language sql {} as 'select 1';"


@dataclass(frozen=True)
class Cases:
    """Statements that a lint must object to, with the object, and statements that it must not."""

    faults: dict[str, str]
    look_alike: str


CASES = {
    "unindexed_foreign_keys": Cases(
        {
            TABLE: "public.planted: planted_other_fkey",
            TABLE + "create index on public.planted (id, other)": (
                "public.planted: planted_other_fkey"
            ),
            TABLE + "create index on public.planted (other) where id is not null": (
                "public.planted: planted_other_fkey"
            ),
        },
        TABLE + "create index on public.planted (other, id) where other is not null;"
        " create table public.another (id uuid primary key references public.workspaces)",
    ),
    "auth_users_exposed": Cases(
        {
            OF_USERS + TO_USERS: "public.planted",
            OF_USERS.replace("view", "materialized view") + TO_USERS: "public.planted",
            OF_USERS
            + TO_USERS
            + "alter view public.planted set (security_invoker = true);"
            + "alter table auth.users disable row level security": "public.planted",
        },
        OF_USERS
        + ELSEWHERE
        + "create view platform.planted as select email from auth.users;"
        + "grant select on platform.planted to authenticated;"
        + VIEW.replace("planted", "another")
        + "grant select on public.another to authenticated",
    ),
    "auth_rls_initplan": Cases(
        {
            f"create policy planted on public.documents using ({condition})": (
                "planted on public.documents"
            )
            for condition in (
                "user_id = auth.uid()",
                "workspace_id = mivaa.workspace_for('read')",
                "(select auth.uid()) = user_id and title = current_setting('app.title', true)",
                "workspace_id = (select mivaa.workspace_for('read')) or user_id = auth.uid()",
            )
        },
        "create policy planted on public.documents using (user_id = (select auth.uid())"
        " and title = (select current_setting('app.title', true)))",
    ),
    "no_primary_key": Cases(
        {"create table public.planted (id uuid unique)": "public.planted"},
        TABLE + VIEW.replace("planted", "another"),
    ),
    "multiple_permissive_policies": Cases(
        {
            "create policy planted on public.documents for select to authenticated"
            " using (title is null)": "public.documents for select to authenticated",
            "create policy planted on public.documents using (title is null)": (
                "public.documents for delete to authenticated"
            ),
        },
        "create policy planted on public.documents as restrictive using (title is null);"
        " create policy planted_too on public.documents to anon using (title is null);"
        " create policy planted_three on public.documents to service_role using (true)",
    ),
    "policy_exists_rls_disabled": Cases(
        {"alter table public.documents disable row level security": "public.documents"}, TABLE
    ),
    "rls_enabled_no_policy": Cases(
        {TABLE + "alter table public.planted enable row level security": "public.planted"},
        TABLE + "alter table public.planted enable row level security;"
        " create policy planted on public.planted using (false)",
    ),
    "duplicate_index": Cases(
        {
            "create index planted on public.documents (title);"
            " create index planted_too on public.documents (title)": "public.documents",
            "create index planted on public.documents (lower(title)) where title <> '';"
            " create index planted_too on public.documents (lower(title)) where title <> ''": (
                "public.documents"
            ),
        },
        "create index on public.documents (title);"
        " create index on public.documents (title desc);"
        " create index on public.documents (title text_pattern_ops);"
        " create index on public.documents (title) include (id);"
        " create index on public.documents (title) where title <> ''",
    ),
    "security_definer_view": Cases(
        {
            VIEW + TO_USERS: "public.planted",
            VIEW + TO_USERS + "alter view public.planted set (security_invoker = false)": (
                "public.planted"
            ),
            VIEW + "grant select (id) on public.planted to anon": "public.planted",
        },
        VIEW.replace("planted", "another")
        + VIEW
        + TO_USERS
        + "alter view public.planted set (security_invoker = on)",
    ),
    "function_search_path_mutable": Cases(
        {
            FUNCTION.format("mivaa.planted()", ""): "mivaa.planted()",
            FUNCTION.format("public.planted(id int)", "set lock_timeout = '1s'"): (
                "public.planted(integer)"
            ),
        },
        FUNCTION.format("mivaa.planted()", "set search_path = ''"),
    ),
    "rls_disabled_in_public": Cases(
        {
            "alter table public.documents disable row level security": "public.documents",
            TABLE + "grant select (id) on public.planted to anon": "public.planted",
        },
        TABLE + ELSEWHERE + "create table platform.planted (id int primary key);"
        " grant select on platform.planted to authenticated",
    ),
    "extension_in_public": Cases(
        {EXTENSION.format("planted", "public"): "planted"},
        EXTENSION.format("planted", "extensions"),
    ),
    "rls_references_user_metadata": Cases(
        {
            "create policy planted on public.documents using"
            " ((select auth.jwt() -> 'user_metadata' ->> 'title') = title)": (
                "planted on public.documents"
            ),
            "create policy planted on public.documents for insert with check"
            " (current_setting('request.jwt.claims')::json #>> '{user_metadata,title}' = title)": (
                "planted on public.documents"
            ),
        },
        "create policy planted on public.documents using"
        " ((select auth.jwt() -> 'app_metadata' ->> 'title') = title)",
    ),
    "materialized_view_in_api": Cases(
        {MATERIALIZED + TO_USERS: "public.planted"},
        MATERIALIZED + VIEW.replace("planted", "another"),
    ),
    "foreign_table_in_api": Cases({FOREIGN + TO_USERS: "public.planted"}, FOREIGN),
    "unsupported_reg_types": Cases(
        {
            "create table public.planted (id int primary key, called regproc)": (
                "public.planted.called"
            ),
            "create table mivaa.planted (id int primary key, named regnamespace)": (
                "mivaa.planted.named"
            ),
        },
        "create table public.planted (id int primary key, a regclass, b regtype, c regrole)",
    ),
    "insecure_queue_exposed_in_api": Cases(
        {QUEUE + "grant select on pgmq.q_planted to authenticated": "pgmq.q_planted"},
        QUEUE + "grant select on pgmq.q_planted to service_role;"
        " create table pgmq.a_planted (id int); grant select on pgmq.a_planted to authenticated",
    ),
    "fkey_to_auth_unique": Cases(
        {
            "alter table auth.users add constraint planted unique (email);"
            " create table public.planted (id int primary key, email text, constraint referring"
            " foreign key (email) references auth.users (email))": "public.planted: referring",
        },
        "create table public.planted (id uuid primary key references auth.users (id));"
        " alter table public.workspaces add constraint planted_too unique (name);"
        " create table public.another (id int primary key, name text references"
        " public.workspaces (name))",
    ),
    "extension_versions_outdated": Cases(
        {"update pg_extension set extversion = '0.0.1' where extname = 'vector'": "vector"},
        EXTENSION.format("planted", "extensions"),
    ),
    "sensitive_columns_exposed": Cases(
        {
            SECRETS + TO_USERS: "public.planted.api_key",
            SECRETS
            + 'alter table public.planted rename api_key to "Access-Token";'
            + TO_USERS: "public.planted.Access-Token",
        },
        SECRETS
        + "grant select (id, token_count) on public.planted to authenticated;"
        + SECRETS.replace("planted", "another")
        + "grant select on public.another to authenticated;"
        + " alter table public.another enable row level security",
    ),
    "rls_policy_always_true": Cases(
        {
            f"create policy planted on public.documents {rest}": "planted on public.documents"
            for rest in (
                "for delete to authenticated using (true)",
                "for insert to anon with check (true)",
                "using (true)",
                "for update to authenticated using (title is null) with check (1 = 1)",
            )
        },
        "create policy planted on public.documents for select using (true);"
        " create policy planted_too on public.documents as restrictive using (true);"
        " create policy planted_three on public.documents to service_role using (true);"
        " create policy planted_four on public.documents for update using (title is null)",
    ),
    "pg_graphql_anon_table_exposed": Cases(
        {GRAPHQL + VIEW + "grant select (id) on public.planted to anon": "public.planted"},
        VIEW + "grant select on public.planted to anon",
    ),
    "pg_graphql_authenticated_table_exposed": Cases({GRAPHQL: "public.documents"}, VIEW + TO_USERS),
    "anon_security_definer_function_executable": Cases(
        {FUNCTION.format("public.planted()", "security definer"): "public.planted()"},
        FUNCTION.format("public.planted()", "")
        + FUNCTION.format("mivaa.planted()", "security definer")
        + FUNCTION.format("public.planted_too()", "security definer")
        + "revoke execute on function public.planted_too() from public, anon;"
        + "grant execute on function public.planted_too() to authenticated",
    ),
    "authenticated_security_definer_function_executable": Cases(
        {FUNCTION.format("public.planted()", "security definer"): "public.planted()"},
        FUNCTION.format("public.planted()", "")
        + FUNCTION.format("mivaa.planted()", "security definer")
        + FUNCTION.format("public.planted_too()", "security definer")
        + "revoke execute on function public.planted_too() from public, authenticated",
    ),
}

LINTS = {lint.name: lint for lint in lints()}


@pytest.fixture
def superuser(shared_world: Database) -> Iterator[Connection]:
    with shared_world.engine(SUPERUSER).connect() as connection, connection.begin() as transaction:
        prepare(connection)
        yield connection
        transaction.rollback()


def found(connection: Connection, lint: Lint) -> list[str]:
    return [finding.object for finding in lint.findings(connection)]


def test_each_lint_has_a_fault_and_a_look_alike() -> None:
    assert set(CASES) == set(LINTS)
    assert {path.name for path in FOLDER.iterdir()} == {
        SETS.name,
        *(f"{lint.number}_{lint.name}.sql" for lint in LINTS.values()),
    }


@pytest.mark.parametrize(
    ("name", "fault", "culprit"),
    [
        pytest.param(name, fault, culprit, id=f"{name}-{number}")
        for name, cases in CASES.items()
        for number, (fault, culprit) in enumerate(cases.faults.items())
    ],
)
def test_a_lint_finds_a_fault(superuser: Connection, name: str, fault: str, culprit: str) -> None:
    lint = LINTS[name]
    assert culprit not in found(superuser, lint)
    plant(superuser, fault)
    assert culprit in found(superuser, lint)


@pytest.mark.parametrize("name", CASES)
def test_a_lint_leaves_a_look_alike_alone(superuser: Connection, name: str) -> None:
    before = found(superuser, LINTS[name])
    plant(superuser, CASES[name].look_alike)
    assert found(superuser, LINTS[name]) == before


def test_lints_find_what_is_waived_and_nothing_else(superuser: Connection) -> None:
    findings = [finding for lint in LINTS.values() for finding in lint.findings(superuser)]
    comparison = compare(findings, waivers(), {"splinter"})
    assert not comparison.open
    assert not comparison.stale
