"""Shows on real passages what the schema does: upgrade, search, isolation, refusals."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command
from alembic.util import CommandError

from examples.demo import checks, existing_platform
from examples.demo.checks import Check
from examples.demo.passages import MODEL, literal, mean, shipped
from examples.demo.stage import Say, Stage, as_user
from mivaa_schema import database, platform
from mivaa_schema.errors import MivaaError
from mivaa_schema.migrations import alembic_config, recorded_revisions
from mivaa_schema.models import DIMENSIONS, LEGACY_DIMENSIONS

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from mivaa_schema.server import EmbeddedServer

DATABASE = "mivaa_demo"
MARK = "made by the demo of mivaa-schema"
"""Comment on the demo's database; one without it is somebody's own and is left alone."""

NAMES = ("North", "South", "East")


class DemoDatabaseTaken(MivaaError):
    """There is a database `{database}` that the demo did not make, so it is left alone.
    Rename or drop it, or choose another folder for the embedded server with `--home`.
    """


def play(server: EmbeddedServer, say: Say) -> list[Check]:
    """Run the demo in a database of its own on the embedded server, made anew each time.

    Raises:
        DemoDatabaseTaken: a database of that name is there, and the demo did not make it.
        MivaaError: the upgrade refused or failed.
    """
    started = time.monotonic()
    say("Starting the embedded PostgreSQL ...")
    server.start()
    make_database(database.embedded_engine(server))
    owner = database.embedded_engine(server, DATABASE)
    with database.connect(owner) as connection:
        platform.install(connection)
    api = database.embedded_engine(server, DATABASE, "authenticator")
    stage = Stage(owner, api, existing_platform.share_out(shipped(), *NAMES), say)
    made = show(stage)
    passed = sum(check.passed for check in made)
    say("")
    say(f"{passed} of {len(made)} checks passed, in {time.monotonic() - started:.1f} s.")
    say(f'Look around: psql "{server.url(DATABASE)}"')
    return made


def make_database(engine: Engine) -> None:
    """Make the demo's database anew, unless one of that name is somebody's own."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        mark = connection.execute(
            sa.text(
                "select coalesce(shobj_description(oid, 'pg_database'), '')"
                " from pg_catalog.pg_database where datname = :name"
            ),
            {"name": DATABASE},
        ).scalar()
        if mark not in (None, MARK):
            raise DemoDatabaseTaken(database=DATABASE)
        connection.exec_driver_sql(f"drop database if exists {DATABASE} with (force)")
        connection.exec_driver_sql(f"create database {DATABASE}")
        connection.exec_driver_sql(f"comment on database {DATABASE} is '{MARK}'")


def show(stage: Stage) -> list[Check]:
    """Go through the whole story on an empty database that has the platform's roles and schemas."""
    made: list[Check] = []

    def report(*found: Check) -> None:
        for check in found:
            stage.say(f"  [{'passed' if check.passed else 'FAILED'}] {check.text}: {check.found}")
        made.extend(found)

    with stage.owner.begin() as connection:
        existing_platform.build(connection, stage.workspaces)
    stage.say("")
    stage.say(
        f"An existing platform: {len(stage.workspaces)} workspaces with a member of each role, "
        f"{len(stage.passages)} passages with embeddings of {LEGACY_DIMENSIONS} dimensions."
    )
    stage.say(f"  A viewer of {stage.workspaces[0].name} sees {_visible(stage)} passages.")
    before = _rows(stage)

    stage.say("")
    stage.say("alembic upgrade head")
    report(upgraded(stage, before))

    stage.say("")
    stage.say("Half of the passages get embeddings of 768 dimensions, the others keep theirs.")
    move_embeddings(stage, 0)
    report(checks.finds_each_passage(stage))

    stage.say("")
    stage.say("The other half follows. Questions are passages of other workspaces.")
    move_embeddings(stage, 1)
    report(*checks.finds_what_is_near(stage), checks.progress_adds_up(stage))

    stage.say("")
    stage.say(f"Who may do what with the documents of {stage.workspaces[0].name}:")
    report(checks.roles_hold(stage))
    stage.say("")
    stage.say("Who is refused:")
    report(*checks.refusals(stage))
    return made


def upgraded(stage: Stage, before: dict[str, int]) -> Check:
    """Upgrade the platform; nothing of it may be lost."""
    started = time.monotonic()
    upgrade(stage.owner)
    with stage.owner.connect() as connection:
        (revision,) = recorded_revisions(connection)
        lost = connection.exec_driver_sql(
            "select count(*) from public.document_chunks c join public.documents d"
            " on d.id = c.document_id where c.workspace_id is distinct from d.workspace_id"
        ).scalar_one()
    stage.say(f"  Revision {revision} after {time.monotonic() - started:.1f} s.")
    after = _rows(stage)
    return Check(
        "no row is lost, and every chunk has the workspace of its document",
        before == after and lost == 0,
        f"{sum(after.values())} rows before and after"
        if before == after and not lost
        else f"before {before}, after {after}, {lost} chunks without",
    )


def upgrade(owner: Engine) -> None:
    """``alembic upgrade head`` in this process.

    Raises:
        MivaaError: it refused or failed.
    """
    config = alembic_config()
    config.attributes["connection"] = owner
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise MivaaError(detail=str(error)) from error


def move_embeddings(stage: Stage, half: int) -> None:
    """Write the new embeddings of every second passage, and of the documents."""
    batches = [
        (workspace, workspace.passages[start + half : start + 40 : 2])
        for workspace in stage.workspaces
        for start in range(0, len(workspace.passages), 40)
    ]
    for workspace, passages in stage.progress(batches, "writing embeddings"):
        with stage.owner.begin() as connection:
            _write(
                connection,
                "document_chunks",
                {workspace.chunk(p): literal(p.vector, DIMENSIONS) for p in passages},
            )
    with stage.owner.begin() as connection:
        for workspace in stage.workspaces:
            topics = {p.topic for p in workspace.passages}
            vectors = {
                workspace.document(topic): literal(
                    mean(p.vector for p in workspace.passages if p.topic == topic), DIMENSIONS
                )
                for topic in topics
            }
            _write(connection, "documents", vectors)


def _write(connection: Connection, table: str, vectors: dict[uuid.UUID, str]) -> None:
    connection.exec_driver_sql(
        f"update public.{table} t set embedding_v2 = given.v::vector,"  # noqa: S608
        " embedding_model = %s from unnest(%s::uuid[], %s::text[]) as given (id, v)"
        " where t.id = given.id",
        (MODEL, [str(key) for key in vectors], list(vectors.values())),
    )


def _visible(stage: Stage) -> int:
    with as_user(stage, stage.workspaces[0], "viewer") as connection:
        sql = "select count(*) from public.document_chunks"
        return int(connection.exec_driver_sql(sql).scalar_one())


def _rows(stage: Stage) -> dict[str, int]:
    tables = ("workspaces", "workspace_members", "documents", "document_chunks")
    with stage.owner.connect() as connection:
        return {
            table: connection.exec_driver_sql(f"select count(*) from public.{table}").scalar_one()  # noqa: S608
            for table in tables
        }
