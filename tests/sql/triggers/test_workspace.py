"""Every row has a workspace, and what belongs together is in the same one."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from fixtures.calls import Refusal, Worlds
from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.people import World, acting, as_user, named

W = World()
MINE = W.row("documents", "editor")
MY_CHUNK = W.row("document_chunks", "editor")
MY_PDF = W.row("pdf_documents", "editor")
MY_EXTRACT = W.row("processed_documents", "editor")
THEIRS = W.row("documents", "owner_of_b")
OWN_TABLES = ("documents", "pdf_documents", "processed_documents")


def run(connection: Connection, sql: str, **values: Any) -> Any:
    return connection.execute(sa.text(sql), values)


def refusal(connection: Connection, sql: str, **values: Any) -> Refusal:
    connection.exec_driver_sql("savepoint attempt")
    with pytest.raises(exc.DBAPIError) as caught:
        run(connection, sql, **values)
    connection.exec_driver_sql("rollback to savepoint attempt")
    return Refusal.of(caught.value)


def add_chunk(
    document: uuid.UUID, workspace: uuid.UUID | None = None
) -> tuple[str, dict[str, Any]]:
    """The insertion of a chunk; without a workspace, as applications do that do not know it."""
    values: dict[str, Any] = {"document_id": document, "chunk_index": 9, "content": "x"}
    if workspace:
        values["workspace_id"] = workspace
    places = ", ".join(f":{name}" for name in values)
    sql = (
        f"insert into public.document_chunks ({', '.join(values)}) values ({places})"
        " returning workspace_id"
    )
    return sql, values


def chunk_workspace(connection: Connection) -> Any:
    asked = "select workspace_id from public.document_chunks where id = :id"
    return run(connection, asked, id=MY_CHUNK).scalar_one()


@pytest.mark.parametrize("table", OWN_TABLES)
def test_a_row_without_a_workspace_is_refused_with_what_to_do(
    owner: Connection, table: str
) -> None:
    columns, values = (
        ("(filename)", "('x')") if table == "pdf_documents" else ("(content)", "('x')")
    )
    refused = refusal(owner, f"insert into public.{table} {columns} values {values}")
    assert refused.state == "23502"
    assert refused.message == f"a row of {table} needs a workspace_id"
    assert refused.hint == "Set workspace_id to the workspace that the row belongs to."


@pytest.mark.parametrize("table", OWN_TABLES)
def test_a_workspace_cannot_be_taken_away(owner: Connection, table: str) -> None:
    taking = f"update public.{table} set workspace_id = null where id = :id"
    assert refusal(owner, taking, id=W.row(table, "editor")).state == "23502"


@pytest.fixture
def legacy(superuser: Connection) -> Connection:
    """Rows without a workspace, as only an adopted platform has them."""
    superuser.exec_driver_sql("set local session_replication_role = replica")
    for table in (*OWN_TABLES, "document_chunks"):
        superuser.exec_driver_sql(
            f"alter table public.{table} alter column workspace_id drop not null"
        )
        superuser.exec_driver_sql(f"update public.{table} set workspace_id = null")
    superuser.exec_driver_sql("set local session_replication_role = origin")
    return superuser


def test_a_row_that_never_had_a_workspace_can_still_be_edited(legacy: Connection) -> None:
    for table, column in (("documents", "title"), ("pdf_documents", "filename")):
        assert run(legacy, f"update public.{table} set {column} = 'x'").rowcount > 0
    edit = "update public.documents set workspace_id = null, title = 'y'"
    assert run(legacy, edit).rowcount > 0
    assert run(legacy, "update public.document_chunks set content = 'x'").rowcount > 0
    kept = "update public.document_chunks set workspace_id = null, content = 'y'"
    assert run(legacy, kept).rowcount > 0


def test_a_chunk_that_has_a_workspace_and_no_document_can_still_be_edited(
    superuser: Connection,
) -> None:
    superuser.exec_driver_sql("set local session_replication_role = replica")
    run(superuser, "delete from public.documents where id = :id", id=MINE)
    superuser.exec_driver_sql("set local session_replication_role = origin")
    # As applications do that write whole rows back.
    edit = (
        "update public.document_chunks set content = 'x', workspace_id = workspace_id,"
        " document_id = document_id where id = :id"
    )
    assert run(superuser, edit, id=MY_CHUNK).rowcount == 1
    assert chunk_workspace(superuser) == W.a


def test_a_row_that_never_had_a_workspace_can_be_assigned_one(legacy: Connection) -> None:
    assign = "update public.documents set workspace_id = :w where id = :id"
    assert run(legacy, assign, w=W.a, id=MINE).rowcount == 1
    follow = "update public.document_chunks set workspace_id = :w where document_id = :id"
    assert run(legacy, follow, w=W.a, id=MINE).rowcount == 1


def test_a_chunk_of_a_document_without_a_workspace_is_refused(legacy: Connection) -> None:
    sql, values = add_chunk(MINE)
    refused = refusal(legacy, sql, **values)
    assert refused.state == "23502"
    assert refused.message == f"document {MINE} has no workspace, or you cannot see it"


@both_majors
def test_a_chunk_gets_the_workspace_of_its_document(worlds: Worlds, major: int) -> None:
    for document, workspace in ((MINE, W.a), (THEIRS, W.b)):
        sql, values = add_chunk(document)
        with acting(worlds(major), "service_role") as connection:
            assert run(connection, sql, **values).scalar_one() == workspace
    sql, values = add_chunk(MINE)
    with as_user(worlds(major), W.person("editor")) as connection:
        assert run(connection, sql, **values).scalar_one() == W.a


def test_a_chunk_that_is_added_while_the_upgrade_fills_is_one_like_any_other(
    owner: Connection,
) -> None:
    owner.exec_driver_sql("set local mivaa.filling = 'on'")
    insertion, values = add_chunk(MINE)
    assert run(owner, insertion, **values).scalar_one() == W.a


def test_a_chunk_that_names_its_workspace_is_judged_by_the_key(owner: Connection) -> None:
    sql, values = add_chunk(MINE, W.a)
    assert run(owner, sql, **values).scalar_one() == W.a
    sql, values = add_chunk(MINE, W.b)
    assert refusal(owner, sql, **values).state == "23503"


def test_a_user_cannot_tell_a_foreign_document_from_none(shared_world: Database) -> None:
    said = []
    for document in (THEIRS, named("no document at all")):
        sql, values = add_chunk(document)
        with as_user(shared_world, W.person("editor")) as connection:
            refused = refusal(connection, sql, **values)
        assert refused.state == "23502"
        said.append(refused.message.replace(str(document), "?"))
    assert said == ["document ? has no workspace, or you cannot see it"] * 2


def test_a_chunk_that_changes_its_document_goes_with_it(owner: Connection) -> None:
    change = "update public.document_chunks set document_id = :document where id = :id"
    run(owner, change, document=THEIRS, id=MY_CHUNK)
    assert chunk_workspace(owner) == W.b


def test_a_user_moves_chunks_between_documents_of_the_workspace_only(
    shared_world: Database,
) -> None:
    change = "update public.document_chunks set document_id = :document where id = :id"
    with as_user(shared_world, W.person("editor")) as connection:
        beside = W.row("documents", "viewer")
        assert run(connection, change, document=beside, id=MY_CHUNK).rowcount == 1
        assert refusal(connection, change, document=THEIRS, id=MY_CHUNK).state == "23502"


def test_a_chunk_whose_workspace_is_taken_away_gets_it_back(owner: Connection) -> None:
    run(owner, "update public.document_chunks set workspace_id = null where id = :id", id=MY_CHUNK)
    assert chunk_workspace(owner) == W.a


@both_majors
def test_a_document_that_service_role_moves_takes_its_chunks_along(
    worlds: Worlds, major: int
) -> None:
    with acting(worlds(major), "service_role") as connection:
        connection.exec_driver_sql("set constraints all deferred")
        for table, row in (("documents", MINE), ("pdf_documents", MY_PDF)):
            move = f"update public.{table} set workspace_id = :w where id = :id"
            assert run(connection, move, w=W.b, id=row).rowcount == 1
        connection.exec_driver_sql("set constraints all immediate")
        assert chunk_workspace(connection) == W.b
        extract = (
            "select workspace_id, document_id, pdf_document_id from public.processed_documents"
        )
        found = run(connection, f"{extract} where id = :id", id=MY_EXTRACT).one()
        assert tuple(found) == (W.b, MINE, MY_PDF)


@pytest.mark.parametrize("alone", [("documents", MINE), ("pdf_documents", MY_PDF)])
def test_one_end_of_an_extraction_does_not_move_alone(
    shared_world: Database, alone: tuple[str, uuid.UUID]
) -> None:
    table, row = alone
    move = f"update public.{table} set workspace_id = :w where id = :id"
    with acting(shared_world, "service_role") as connection:
        assert refusal(connection, move, w=W.b, id=row).state == "23503"
        connection.exec_driver_sql("set constraints all deferred")
        run(connection, move, w=W.b, id=row)
        assert refusal(connection, "set constraints all immediate").state == "23503"


@pytest.mark.parametrize(
    "change",
    [
        f"document_id = '{THEIRS}'",
        f"pdf_document_id = '{W.row('pdf_documents', 'owner_of_b')}'",
    ],
)
def test_an_extraction_never_points_into_another_workspace(owner: Connection, change: str) -> None:
    update = f"update public.processed_documents set {change} where id = :id"
    assert refusal(owner, update, id=MY_EXTRACT).state == "23503"


def test_deleting_a_workspace_takes_all_of_it_and_nothing_else(owner: Connection) -> None:
    run(owner, "delete from public.workspaces where id = :id", id=W.a)
    for table in (*OWN_TABLES, "document_chunks", "workspace_members"):
        left = run(owner, f"select distinct workspace_id from public.{table}").scalars().all()
        assert left == [W.b], table
