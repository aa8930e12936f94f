"""A filled platform as the chain may find it: workspaces, members of each role, passages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from examples.demo.passages import Passage, literal, mean
from mivaa_schema.models import LEGACY_DIMENSIONS
from mivaa_schema.models.workspace_member import ROLES

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_NAMESPACE = uuid.UUID("7d0c1c9e-5f5c-4d0e-9a57-2b3f6c1f8a11")


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace, and the passages that its documents are made of."""

    name: str
    passages: tuple[Passage, ...]

    @property
    def id(self) -> uuid.UUID:
        """Its id; the same in every run."""
        return named(self.name)

    def member(self, role: str) -> uuid.UUID:
        """The user who has this role in it."""
        return named(f"{role} of {self.name}")

    def document(self, topic: str) -> uuid.UUID:
        """Its document about a topic."""
        return named(f"{topic} of {self.name}")

    def chunk(self, passage: Passage) -> uuid.UUID:
        """The chunk that holds a passage."""
        return named(f"{passage.text} of {self.name}")


def named(name: str) -> uuid.UUID:
    """The id of whatever has this name."""
    return uuid.uuid5(_NAMESPACE, name)


def share_out(passages: Sequence[Passage], *names: str) -> list[Workspace]:
    """Deal the passages out, so that every workspace has some on every topic.

    What is nearest to a question is then often in another workspace, where it must not be found.
    """
    return [Workspace(name, tuple(passages[n :: len(names)])) for n, name in enumerate(names)]


def build(connection: Connection, workspaces: Sequence[Workspace]) -> None:
    """Make the platform's tables, in its own shape, and fill them.

    Args:
        connection: of the role that shall own the tables; the caller commits.
        workspaces: what to fill them with.
    """
    tables = Path(__file__).with_suffix(".sql")
    connection.exec_driver_sql(tables.read_text(encoding="utf-8"))
    for workspace in workspaces:
        _fill(connection, workspace)


def _fill(connection: Connection, workspace: Workspace) -> None:
    users = [workspace.member(role) for role in ROLES]
    execute = connection.exec_driver_sql
    execute(
        "insert into public.workspaces (id, name) values (%s::uuid, %s)",
        (str(workspace.id), workspace.name),
    )
    _insert(connection, "auth.users (id)", "uuid", users)
    _insert(
        connection,
        "public.workspace_members (user_id, role, workspace_id)",
        "uuid text uuid",
        users,
        ROLES,
        [workspace.id] * len(users),
    )
    by_topic = attrgetter("topic")
    topics = [(t, list(p)) for t, p in groupby(sorted(workspace.passages, key=by_topic), by_topic)]
    _insert(
        connection,
        "public.documents (id, workspace_id, user_id, title, content, embedding)",
        "uuid uuid uuid text text vector",
        [workspace.document(topic) for topic, _ in topics],
        [workspace.id] * len(topics),
        [workspace.member("editor")] * len(topics),
        [topic for topic, _ in topics],
        ["\n".join(p.text for p in passages) for _, passages in topics],
        [literal(mean(p.vector for p in ps), LEGACY_DIMENSIONS) for _, ps in topics],
    )
    chunks = [(n, p) for _, ps in topics for n, p in enumerate(ps)]
    _insert(
        connection,
        "public.document_chunks (id, document_id, chunk_index, content, embedding)",
        "uuid uuid integer text vector",
        [workspace.chunk(p) for _, p in chunks],
        [workspace.document(p.topic) for _, p in chunks],
        [n for n, _ in chunks],
        [p.text for _, p in chunks],
        [literal(p.vector, LEGACY_DIMENSIONS) for _, p in chunks],
    )


def _insert(connection: Connection, target: str, types: str, *columns: Sequence[object]) -> None:
    """Insert rows that are given column by column, in one statement."""
    names = [f"c{n}" for n in range(len(columns))]
    values = ", ".join(f"{n}::{t}" for n, t in zip(names, types.split(), strict=True))
    arrays = ", ".join(["%s::text[]"] * len(columns))
    connection.exec_driver_sql(
        f"insert into {target} select {values} from unnest({arrays}) as given ({', '.join(names)})",  # noqa: S608
        tuple([str(value) for value in column] for column in columns),
    )
