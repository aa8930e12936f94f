"""What stays closed when somebody else grants too much, and what policies never raise."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from fixtures.databases import Database
from fixtures.people import Person, World, as_user, named

TABLES = (
    "workspaces",
    "workspace_members",
    "documents",
    "document_chunks",
    "pdf_documents",
    "processed_documents",
    "migration_tracking",
)


@pytest.fixture
def generous(superuser: Connection) -> Connection:
    """The snippet that many a guide recommends against "permission denied"."""
    superuser.exec_driver_sql("grant all on all tables in schema public to anon, authenticated")
    return superuser


def become(connection: Connection, role: str, person: Person | None = None) -> None:
    claims = json.dumps(person.claims) if person else ""
    statement = sa.text("select set_config('request.jwt.claims', :claims, true)")
    connection.execute(statement, {"claims": claims})
    connection.exec_driver_sql(f"set local role {role}")


def state(connection: Connection, sql: str) -> str:
    connection.exec_driver_sql("savepoint attempt")
    with pytest.raises(exc.DBAPIError) as caught:
        connection.exec_driver_sql(sql)
    connection.exec_driver_sql("rollback to savepoint attempt")
    return str(getattr(caught.value.orig, "pgcode", None))


def count(connection: Connection, table: str) -> int:
    return int(connection.exec_driver_sql(f"select count(*) from public.{table}").scalar_one())


def test_grants_to_everybody_show_anon_nothing(generous: Connection, world: World) -> None:
    become(generous, "anon", world.person("owner"))
    assert {table: count(generous, table) for table in TABLES} == dict.fromkeys(TABLES, 0)


def test_grants_to_everybody_let_no_user_write_a_membership(
    generous: Connection, world: World
) -> None:
    become(generous, "authenticated", world.person("stranger"))
    me = named("stranger")
    insertion = (
        "insert into public.workspace_members (workspace_id, user_id, role)"
        f" values ('{world.a}', '{me}', 'owner')"
    )
    assert state(generous, insertion) == "42501"
    become(generous, "authenticated", world.person("viewer"))
    update = generous.exec_driver_sql("update public.workspace_members set role = 'owner'")
    assert update.rowcount == 0
    assert generous.exec_driver_sql("delete from public.workspace_members").rowcount == 0
    assert generous.exec_driver_sql("delete from public.workspaces").rowcount == 0


@pytest.mark.parametrize("table", ["workspaces", "workspace_members"])
def test_even_a_permissive_policy_and_the_privilege_let_nobody_delete_a_membership(
    generous: Connection, world: World, table: str
) -> None:
    generous.exec_driver_sql(
        f"create policy tidy_up on public.{table} for delete to authenticated using (true)"
    )
    delete = f"delete from public.{table}"
    generous.exec_driver_sql("savepoint guarded")
    become(generous, "authenticated", world.person("owner"))
    assert generous.exec_driver_sql(delete).rowcount == 0
    # The policy alone is what keeps them.
    generous.exec_driver_sql("rollback to savepoint guarded")
    generous.exec_driver_sql(f"drop policy {table}_delete on public.{table}")
    become(generous, "authenticated", world.person("owner"))
    assert generous.exec_driver_sql(delete).rowcount > 0


@pytest.mark.parametrize(
    ("table", "statements"),
    [
        (
            "workspaces",
            (
                "insert into public.workspaces (name) values ('mine')",
                "update public.workspaces set name = 'mine'",
            ),
        ),
        (
            "workspace_members",
            (
                (
                    "insert into public.workspace_members (workspace_id, user_id, role)"
                    f" values ('{World.b}', '{named('viewer')}', 'owner')"
                ),
                "update public.workspace_members set role = 'owner'",
                f"update public.workspace_members set workspace_id = '{World.b}'",
            ),
        ),
    ],
)
def test_even_a_permissive_policy_and_the_privilege_let_nobody_write_a_membership(
    generous: Connection, world: World, table: str, statements: tuple[str, ...]
) -> None:
    generous.exec_driver_sql(
        f"create policy anybody on public.{table} to authenticated using (true)"
    )
    become(generous, "authenticated", world.person("viewer"))
    for statement in statements:
        assert state(generous, statement) == "42501", statement
    # The check alone is what refuses them.
    generous.exec_driver_sql("reset role")
    generous.exec_driver_sql(f"alter policy {table}_isolation on public.{table} with check (true)")
    become(generous, "authenticated", world.person("viewer"))
    for statement in statements:
        generous.exec_driver_sql("savepoint attempt")
        assert generous.exec_driver_sql(statement).rowcount == 1, statement
        generous.exec_driver_sql("rollback to savepoint attempt")


def test_grants_to_everybody_keep_the_rollback_sql_closed(
    generous: Connection, world: World
) -> None:
    become(generous, "authenticated", world.person("owner"))
    insertion = (
        "insert into public.migration_tracking (migration_name, phase, rollback_sql)"
        " values ('x', 'x', 'drop table public.documents')"
    )
    assert state(generous, insertion) == "42501"
    update = generous.exec_driver_sql("update public.migration_tracking set rollback_sql = 'x'")
    assert update.rowcount == 0


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_no_api_role_can_touch_a_table_itself(superuser: Connection, role: str) -> None:
    become(superuser, role)
    statements = (
        "truncate public.{}",
        "create trigger t before insert on public.{} execute function mivaa.touch_updated_at()",
        "create index on public.{} (id)",
        "alter table public.{} disable row level security",
        "create policy mine on public.{} using (true)",
        "reindex table public.{}",
        "comment on table public.{} is 'mine'",
    )
    for table in TABLES:
        for statement in statements:
            assert state(superuser, statement.format(table)) == "42501", statement.format(table)


@pytest.mark.parametrize("schema", ["mivaa", "public", "auth"])
@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_api_roles_create_nothing(superuser: Connection, role: str, schema: str) -> None:
    become(superuser, role)
    assert state(superuser, f"create table {schema}.mine ()") == "42501"


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_no_api_role_reaches_the_records_of_the_chain(superuser: Connection, role: str) -> None:
    become(superuser, role)
    for table in ("ledger", "alembic_version"):
        assert state(superuser, f"select count(*) from mivaa.{table}") == "42501"


def test_an_upsert_does_not_reach_into_another_workspace(
    shared_world: Database, world: World
) -> None:
    with as_user(shared_world, world.person("editor")) as connection:
        upsert = (
            "insert into public.documents (id, workspace_id, user_id, title)"
            f" values ('{world.row('documents', 'owner_of_b')}', '{world.a}',"
            f" '{named('editor')}', 'mine now')"
            " on conflict (id) do update set title = excluded.title"
        )
        assert state(connection, upsert) == "42501"


def test_a_viewer_cannot_upsert_what_is_there(shared_world: Database, world: World) -> None:
    with as_user(shared_world, world.person("viewer")) as connection:
        upsert = (
            "insert into public.documents (id, workspace_id, user_id, title)"
            f" values ('{world.row('documents', 'viewer')}', '{world.a}',"
            f" '{named('viewer')}', 'again') on conflict (id) do nothing"
        )
        assert state(connection, upsert) == "42501"


def test_a_viewer_locks_no_row(shared_world: Database, world: World) -> None:
    with as_user(shared_world, world.person("viewer")) as connection:
        locked = connection.exec_driver_sql("select id from public.documents for update").all()
        assert locked == []


def test_a_statement_without_conditions_stays_in_the_workspace(
    shared_world: Database, world: World
) -> None:
    with as_user(shared_world, world.person("editor")) as connection:
        visible = count(connection, "documents")
        assert connection.exec_driver_sql("update public.documents set title = 'x'").rowcount == (
            visible
        )
        assert connection.exec_driver_sql("delete from public.documents").rowcount == visible
        connection.exec_driver_sql("reset role")
    with shared_world.owner() as connection:
        assert count(connection, "documents") > visible


def test_deleting_a_document_takes_its_chunks_and_frees_its_extraction(
    shared_world: Database, world: World
) -> None:
    with as_user(shared_world, world.person("editor")) as connection:
        document = world.row("documents", "viewer")
        connection.exec_driver_sql(f"delete from public.documents where id = '{document}'")
        chunks = sa.text("select count(*) from public.document_chunks where document_id = :id")
        assert connection.execute(chunks, {"id": document}).scalar_one() == 0
        extraction = sa.text(
            "select workspace_id, document_id, pdf_document_id"
            " from public.processed_documents where id = :id"
        )
        found = connection.execute(
            extraction, {"id": world.row("processed_documents", "viewer")}
        ).one()
        assert tuple(found) == (world.a, None, world.row("pdf_documents", "viewer"))


def test_deleting_a_user_keeps_the_rows_and_ends_the_memberships(
    superuser: Connection, world: World
) -> None:
    superuser.exec_driver_sql(f"delete from auth.users where id = '{named('editor')}'")
    document = sa.text("select user_id from public.documents where id = :id")
    row = {"id": world.row("documents", "editor")}
    assert superuser.execute(document, row).scalar_one() is None
    members = sa.text("select count(*) from public.workspace_members where user_id = :id")
    assert superuser.execute(members, {"id": named("editor")}).scalar_one() == 0
