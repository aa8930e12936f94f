"""Every cell of the permission matrix, tried on a real database as the role that it is about."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

import mivaa_schema
from fixtures.clusters import SUPERUSER, both_majors
from fixtures.databases import Database
from fixtures.people import INACTIVE, ROLES, Person, World, acting, insert, named
from fixtures.permission_matrix import (
    CHUNKS,
    DOCUMENTS,
    MATRICES,
    MEMBERS,
    PAGE,
    WHO,
    WORKSPACES,
    Matrix,
    page,
)

WORLD = World()
SQL = Path(mivaa_schema.__file__).parent / "sql"
ANOTHER = "second_editor"
ALONE = "alone"
LABELS = {"nobody's": "nobody", "other workspace's": "owner_of_b", "no workspace's": "limbo"}
TARGETS = {"to member": named("viewer"), "to former": named("removed"), "to nobody": None}


@dataclass(frozen=True)
class Asker:
    """Somebody of a column of the matrix: a database role and the claims of its request."""

    column: str
    name: str
    role: str
    claims: dict[str, Any] | None = None
    user: str | None = None

    @property
    def id(self) -> uuid.UUID | None:
        return named(self.user) if self.user else None


def user(column: str, name: str, workspace: uuid.UUID | None = WORLD.a) -> Asker:
    claims = Person(name, workspace).claims
    title = name if workspace else f"{name} without a claim"
    return Asker(column, title, "authenticated", claims, name)


ASKERS = (
    *(user(role, role) for role in ROLES),
    *(user("inactive", status) for status in INACTIVE),
    user("unknown", "emperor"),
    user("stranger", "stranger"),
    user("stranger", "stranger", None),
    Asker("stranger", "token without a user", "authenticated", {"workspace_id": str(WORLD.a)}),
    user("intruder", "owner_of_b"),
    user("unclear", "both", None),
    Asker("anon", "anon", "anon", {"role": "anon"}),
    Asker("anon", "anon with the owner's claims", "anon", Person("owner", WORLD.a).claims),
    Asker("service", "service_role", "service_role", {"role": "service_role"}),
    Asker("tables", "owner of the tables", "postgres"),
    *(
        Asker(column, role, role, Person("owner", WORLD.a).claims)
        for column, role in (("platform", "reporter"), ("noinherit", "reporter_noinherit"))
    ),
)

OF_THE_PLATFORM = """
do $$ begin create role reporter; exception when duplicate_object then end $$;
do $$ begin
  create role reporter_noinherit noinherit in role authenticated;
exception when duplicate_object then end $$;
grant usage on schema mivaa, public to reporter, reporter_noinherit;
grant all on all tables in schema public to reporter, reporter_noinherit;
"""
"""Roles as a platform may have them beside those of the API, on the whole server."""


def plant(connection: Connection) -> None:
    """What :class:`World` lacks: rows of outsiders in A, of nobody, without a workspace; a role."""
    connection.exec_driver_sql(OF_THE_PLATFORM)
    widen(connection, "of_the_platform", "reporter, reporter_noinherit")
    # Only adopted tables can hold what follows: ours are made so here.
    connection.exec_driver_sql(
        "alter table public.workspace_members drop constraint workspace_members_role_check"
    )
    for table in (*DOCUMENTS.tables, *CHUNKS.tables):
        connection.exec_driver_sql(f"alter table {table} alter column workspace_id drop not null")
    connection.exec_driver_sql("set local session_replication_role = replica")
    emperor = {"user_id": named("emperor"), "workspace_id": WORLD.a, "role": "emperor"}
    insert(connection, "public.workspace_members", **emperor)
    rows: dict[str, tuple[uuid.UUID | None, uuid.UUID | None]] = {
        "stranger in A": (WORLD.a, named("stranger")),
        "owner_of_b in A": (WORLD.a, named("owner_of_b")),
        "both in A": (WORLD.a, named("both")),
        "emperor in A": (WORLD.a, named("emperor")),
        "nobody": (WORLD.a, None),
        "limbo": (None, named("owner")),
    }
    for label, (workspace, owner) in rows.items():
        own = {"workspace_id": workspace, "user_id": owner}
        ids = {table: WORLD.row(table, label) for table in ("documents", *EXTRA)}
        insert(connection, "public.documents", id=ids["documents"], title=label, **own)
        insert(connection, "public.pdf_documents", id=ids["pdf_documents"], filename=label, **own)
        insert(connection, "public.processed_documents", id=ids["processed_documents"], **own)
        insert(
            connection,
            "public.document_chunks",
            id=ids["document_chunks"],
            workspace_id=workspace,
            document_id=ids["documents"],
            chunk_index=0,
            content=label,
        )


EXTRA = ("pdf_documents", "processed_documents", "document_chunks")


def widen(connection: Connection, policy: str = "everybody", roles: str = "public") -> None:
    """Policies as somebody else might have them, which admit roles to everything."""
    tables = sa.text(
        "select format('%I.%I', schemaname, tablename) from pg_tables"
        " where schemaname in ('public', 'mivaa')"
    )
    for table in connection.execute(tables).scalars().all():
        connection.exec_driver_sql(
            f"create policy {policy} on {table} as permissive for all to {roles}"
            " using (true) with check (true)"
        )


Planted = Callable[[int, str], Database]


@pytest.fixture(scope="session")
def planted(clone: Callable[[int, str], Database], world_template: Callable[[int], str]) -> Planted:
    """The world with the rows above: alone, or widened by somebody else's policies."""
    made: dict[tuple[int, str], Database] = {}

    def of(major: int, surroundings: str) -> Database:
        key = (major, surroundings)
        if key not in made:
            made[key] = clone(major, world_template(major))
            with made[key].superuser() as connection:
                plant(connection)
                if surroundings != ALONE:
                    widen(connection)
        return made[key]

    return of


@contextmanager
def asking(made: Database, asker: Asker) -> Iterator[Connection]:
    if asker.column == "tables":
        with made.engine().connect() as connection, connection.begin() as transaction:
            yield connection
            transaction.rollback()
    elif asker.column in ("platform", "noinherit"):
        with made.engine(SUPERUSER).connect() as connection, connection.begin() as transaction:
            become(connection, asker)
            yield connection
            transaction.rollback()
    else:
        with acting(made, asker.role, asker.claims) as connection:
            yield connection


def become(connection: Connection, asker: Asker) -> None:
    claims = sa.text("select set_config('request.jwt.claims', :claims, true)")
    connection.execute(claims, {"claims": json.dumps(asker.claims)})
    connection.exec_driver_sql(f"set local role {asker.role}")


@contextmanager
def asking_without(made: Database, policy: str, table: str, asker: Asker) -> Iterator[Connection]:
    """The same where one policy is missing."""
    with made.engine(SUPERUSER).connect() as connection, connection.begin() as transaction:
        connection.exec_driver_sql(f"drop policy {policy} on {table}")
        become(connection, asker)
        yield connection
        transaction.rollback()


def outcome(connection: Connection, sql: str, values: dict[str, Any]) -> int | str:
    """Rows that a statement reaches, or the SQLSTATE of its refusal; nothing of it stays."""
    connection.exec_driver_sql("savepoint cell")
    try:
        result = connection.execute(sa.text(sql), values)
        return len(result.all()) if result.returns_rows else result.rowcount
    except exc.DBAPIError as error:
        return str(getattr(error.orig, "pgcode", None))
    finally:
        connection.exec_driver_sql("rollback to savepoint cell")


Question = tuple[str, dict[str, Any]]


def about_documents(table: str, asker: Asker, action: str, row: str) -> Question:
    label = {"own": _own_label(asker), "another's": ANOTHER, **LABELS}.get(row, ANOTHER)
    bare = table.removeprefix("public.")
    values: dict[str, Any] = {"id": WORLD.row(bare, label)}
    column = {"documents": "title", "pdf_documents": "filename"}.get(bare, "content")
    if action == "insert":
        return _insert_document(bare, asker, row, label)
    if action.startswith("move"):
        values["value"] = WORLD.b if action == "move to B" else WORLD.a
        column = "workspace_id"
    elif action == "unassign":
        values["value"] = None
        column = "workspace_id"
    elif action.startswith("to "):
        others = {"to outside": named("owner_of_b"), "to oneself": asker.id}
        values["value"] = {**TARGETS, **others}[action]
        column = "user_id"
    else:
        values["value"] = "changed"
    return _statement(action, table, column, "id = :id"), values


def _own_label(asker: Asker) -> str:
    outsiders = ("stranger", "owner_of_b", "both", "emperor")
    return f"{asker.user} in A" if asker.user in outsiders else str(asker.user)


def _insert_document(bare: str, asker: Asker, row: str, label: str) -> Question:
    values: dict[str, Any] = {
        "workspace_id": {"other workspace's": WORLD.b, "no workspace's": None}.get(row, WORLD.a)
    }
    if bare == "document_chunks":
        of = "owner_of_b" if row == "A, of B's document" else label
        values |= {"document_id": WORLD.row("documents", of), "chunk_index": 1, "content": "new"}
    else:
        others = {"another's": named(ANOTHER), "nobody's": None}
        values |= {"user_id": others.get(row, asker.id or named("owner"))}
        if bare == "pdf_documents":
            values["filename"] = "new"
    return _insertion(f"public.{bare}", values), values


def about_workspaces(table: str, asker: Asker, action: str, row: str) -> Question:
    if action == "insert":
        return _insertion(table, {"name": "new"}), {"name": "new"}
    values = {"id": WORLD.a if row == "A" else WORLD.b, "value": "changed"}
    return _statement(action, table, "name", "id = :id"), values


def about_members(table: str, asker: Asker, action: str, row: str) -> Question:
    whose = {"own": asker.id, "another's": named(ANOTHER), "B's": named("owner_of_b")}
    user_id = whose.get(row.split(" ", maxsplit=1)[0], named("stranger"))
    workspace = WORLD.b if row in ("own in B", "B's owner's") else WORLD.a
    values: dict[str, Any] = {"user_id": user_id, "workspace_id": workspace}
    if action == "insert":
        values["role"] = "owner"
        return _insertion(table, values), values
    which = "user_id = :user_id and workspace_id = :workspace_id"
    return _statement(action, table, "role", which), values | {"value": "owner"}


def about_records(table: str, asker: Asker, action: str, row: str) -> Question:
    column, which, new = {
        "public.migration_tracking": (
            "rollback_sql",
            "phase = 'jwt_functions'",
            {"migration_name": "x", "phase": "x", "rollback_sql": "x"},
        ),
        "mivaa.ledger": (
            "former",
            "kind = 'table' and object_name = 'public.documents'",
            {"kind": "x", "object_name": "x"},
        ),
        "mivaa.alembic_version": ("version_num", "true", {"version_num": "x"}),
    }[table]
    if action == "insert":
        return _insertion(table, new), new
    return _statement(action, table, column, which), {"value": "x"}


def _insertion(table: str, values: dict[str, Any]) -> str:
    places = ", ".join(f":{name}" for name in values)
    return f"insert into {table} ({', '.join(values)}) values ({places})"


def _statement(action: str, table: str, column: str, which: str) -> str:
    if action == "select":
        return f"select * from {table} where {which}"
    if action == "delete":
        return f"delete from {table} where {which}"
    return f"update {table} set {column} = :value where {which}"


QUESTIONS = {
    DOCUMENTS.title: about_documents,
    CHUNKS.title: about_documents,
    WORKSPACES.title: about_workspaces,
    MEMBERS.title: about_members,
}


def answers(
    connection: Connection, matrix: Matrix, table: str, asker: Asker
) -> Iterator[tuple[str, int | str, int | str]]:
    """What the matrix says and what the database does, for each cell that concerns the asker."""
    question = QUESTIONS.get(matrix.title, about_records)
    for cell in matrix.cells(asker.column):
        if asker.id is None and ("own" in cell.row.split() or cell.action == "to oneself"):
            continue
        sql, values = question(table, asker, cell.action, cell.row)
        needed = {name: value for name, value in values.items() if f":{name}" in sql}
        yield f"{cell.action} {cell.row}", cell.outcome, outcome(connection, sql, needed)


POLICIES = sorted(path.stem.replace(".", "_") for path in SQL.glob("policies/*.sql"))

TABLES = [(matrix, table) for matrix in MATRICES for table in matrix.tables]


@both_majors
@pytest.mark.parametrize("surroundings", [ALONE, "beside foreign policies"])
@pytest.mark.parametrize("asker", ASKERS, ids=lambda asker: asker.name)
def test_everybody_may_do_what_the_matrix_says_and_nothing_else(
    planted: Planted, major: int, asker: Asker, surroundings: str
) -> None:
    wrong = []
    asked = 0
    with asking(planted(major, surroundings), asker) as connection:
        for matrix, table in TABLES:
            for cell, expected, found in answers(connection, matrix, table, asker):
                asked += 1
                if expected != found:
                    wrong.append(f"{table}: {cell}: expected {expected}, found {found}")
    assert asked > 30
    assert not wrong, f"{asker.name}:\n" + "\n".join(wrong)


# Where users have no privilege to delete, only a test that grants it can see what guards beyond.
BEYOND_PRIVILEGES = {"workspaces_delete", "workspace_members_delete"}


@pytest.mark.parametrize("policy", [p for p in POLICIES if p not in BEYOND_PRIVILEGES])
def test_the_matrix_misses_each_policy_that_is_missing(
    planted: Planted, major: int, policy: str
) -> None:
    table = "public." + policy.rpartition("_")[0]
    matrix = next(matrix for matrix, its_table in TABLES if its_table == table)
    for asker in ASKERS:
        if asker.name not in ("owner", "viewer", "emperor", "reporter"):
            continue
        with asking_without(planted(major, ALONE), policy, table, asker) as connection:
            if any(
                expected != found
                for _, expected, found in answers(connection, matrix, table, asker)
            ):
                return
    pytest.fail(f"nobody is asked what {policy} decides: it is not needed, or the matrix has a gap")


def test_every_column_of_the_matrix_has_an_asker() -> None:
    for matrix in MATRICES:
        assert matrix.columns == list(WHO), f"the columns of {matrix.title} are out of order"
    assert {asker.column for asker in ASKERS} == set(WHO)


def test_the_page_shows_the_matrix_that_is_tested() -> None:
    found = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    assert found == page(), (
        f"{PAGE.name} does not show the matrix; write it anew:"
        " python tests/fixtures/permission_matrix.py"
    )
