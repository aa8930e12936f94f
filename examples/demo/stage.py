"""Where the demo plays: who is there, and how a request of theirs reaches the database."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
import sqlalchemy as sa
from sqlalchemy import exc

from examples.demo.existing_platform import Workspace
from examples.demo.passages import Passage, padded
from mivaa_schema.models import DIMENSIONS, LEGACY_DIMENSIONS
from mivaa_schema.search import FoundChunk, search_chunks

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

MATCHES = 10
"""Passages that a search returns."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo plays: the ways in, and who is there.

    Attributes:
        owner: connects as the role that owns the tables.
        api: connects as ``authenticator``, as the platform's API does.
        workspaces: what the platform was filled with.
        say: prints a line of the story.
        quiet: leaves the progress bars out.
    """

    owner: Engine
    api: Engine
    workspaces: Sequence[Workspace]
    say: Say
    quiet: bool = False

    @property
    def passages(self) -> list[Passage]:
        """All passages of all workspaces."""
        return [passage for workspace in self.workspaces for passage in workspace.passages]

    def progress(self, items: Sequence[Any], label: str) -> Iterable[Any]:
        """The items, with a progress bar while they are taken."""
        if self.quiet:
            yield from items
            return
        with click.progressbar(items, label=f"  {label:<34}", show_eta=False) as bar:
            yield from bar


def search(
    connection: Connection,
    query: Sequence[float],
    *,
    legacy: Sequence[float] | None = None,
    count: int = MATCHES,
) -> list[FoundChunk]:
    """Search the passages of the workspace of this request.

    Args:
        connection: acts as the user who asks.
        query: at most 768 numbers; what is missing is filled up with zeros.
        legacy: the same question for passages that have no embedding of 768 dimensions yet.
        count: how many passages to return.
    """
    return search_chunks(
        connection,
        padded(query, DIMENSIONS),
        query_embedding_legacy=None if legacy is None else padded(legacy, LEGACY_DIMENSIONS),
        match_count=count,
    )


def refusal(connection: Connection, statement: str, **values: object) -> str | None:
    """The SQLSTATE with which the database refuses a statement, or None; nothing stays of it."""
    savepoint = connection.begin_nested()
    try:
        connection.execute(sa.text(statement), values)
    except exc.DBAPIError as error:
        return str(getattr(error.orig, "pgcode", None))
    finally:
        savepoint.rollback()
    return None


def as_user(
    stage: Stage, workspace: Workspace, role: str, *, user: uuid.UUID | None = None
) -> contextlib.AbstractContextManager[Connection]:
    """A transaction of the member with this role, whose token names the workspace."""
    claims = {"sub": str(user or workspace.member(role)), "workspace_id": str(workspace.id)}
    return acting(stage.api, "authenticated", claims)


@contextlib.contextmanager
def acting(api: Engine, role: str, claims: dict[str, str]) -> Iterator[Connection]:
    """A transaction of an API role with its claims, as the platform's API opens it; rolled back."""
    with api.connect() as connection, connection.begin() as transaction:
        connection.execute(
            sa.text("select set_config('request.jwt.claims', :claims, true)"),
            {"claims": json.dumps(claims)},
        )
        connection.exec_driver_sql(f"set local role {role}")
        yield connection
        transaction.rollback()
