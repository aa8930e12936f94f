"""`mivaa-schema status` shows a database in one view, and what it cannot read."""

from __future__ import annotations

import json

import sqlalchemy as sa
from click.testing import CliRunner

from fixtures.databases import OWNER, Database
from mivaa_schema.cli import main


def status(database: Database, *words: str, user: str = OWNER) -> str:
    done = CliRunner().invoke(main, ["status", "--url", database.url(user), *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_everything_is_in_one_view(world_database: Database) -> None:
    words = status(world_database)
    assert words.startswith(f"database     {world_database.name} on ")
    assert "revision     0012, the last one" in words
    assert "jwt_functions: completed" in words
    assert "documents: " in words
    assert "drift        none" in words
    assert "public.document_chunks: " in words
    found = json.loads(status(world_database, "--json"))
    with world_database.owner() as connection:
        total = connection.scalar(sa.text("select count(*) from public.document_chunks"))
    assert {each["table_name"]: each["total_records"] for each in found["embeddings"]}[
        "document_chunks"
    ] == total
    assert found["drift"] == 0
    assert found["unread"] == {}


def test_what_is_wrong_is_counted(head_database: Database) -> None:
    with head_database.superuser() as connection:
        connection.execute(sa.text("drop index public.idx_documents_user_created"))
    words = status(head_database)
    assert "drift        1 difference; `mivaa-schema drift` lists them" in words


def test_revision_that_is_behind_or_interrupted_is_named(head_database: Database) -> None:
    head_database.downgrade("0010")
    with head_database.owner() as connection:
        mark = "insert into mivaa.ledger (kind, object_name) values ('revision', '0011')"
        connection.execute(sa.text(mark))
    words = status(head_database)
    assert "revision     0010, the last one is 0012" in words
    assert "interrupted  0011: `alembic upgrade 0011` completes it" in words


def test_database_without_the_schema_says_what_brings_it(platform_database: Database) -> None:
    words = status(platform_database)
    assert "revision     none; `alembic upgrade head` brings the schema" in words
    assert json.loads(status(platform_database, "--json"))["revision"] is None


def test_what_a_role_may_not_read_is_named(world_database: Database) -> None:
    with world_database.superuser() as connection:
        for statement in (
            "create role watcher login",
            "grant usage on schema mivaa to watcher",
            "grant select on mivaa.alembic_version, mivaa.ledger to watcher",
        ):
            connection.execute(sa.text(statement))
    try:
        words = status(world_database, user="watcher")
    finally:
        with world_database.superuser() as connection:
            connection.execute(sa.text("drop owned by watcher"))
            connection.execute(sa.text("drop role watcher"))
    assert "drift        none" in words
    assert "phases       not read: " in words
    assert "permission denied" in words
