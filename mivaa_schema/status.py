"""One view of a database: its revision, phases, embeddings, integrity, drift and sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import exc, text
from sqlalchemy.engine import Connection

from mivaa_schema import database, drift, history, migrations
from mivaa_schema.errors import MivaaError


@dataclass
class Status:
    """What :func:`read` found; None is what could not be read, for the reason in ``unread``.

    Attributes:
        database: Name of the database.
        server: Version of PostgreSQL.
        revision: The recorded revision; None before the first upgrade.
        head: The last revision of the files.
        interrupted: The revision that was stopped half-way, if any.
        phases: Of ``migration_tracking``: ``phase``, ``status``, ``completed_at``.
        embeddings: Of ``get_embedding_migration_progress()``, a table each.
        integrity: Checks of ``validate_workspace_data_integrity()`` that did not pass.
        drift: How many differences from the revisions.
        sizes: Of our tables: ``table``, ``rows`` (an estimate), ``bytes``, ``index_bytes``.
        unread: Parts that could not be read, and why.
    """

    database: str
    server: str
    revision: str | None
    head: str
    interrupted: str | None
    phases: list[dict[str, Any]] | None = None
    embeddings: list[dict[str, Any]] | None = None
    integrity: list[dict[str, Any]] | None = None
    drift: int | None = None
    sizes: list[dict[str, Any]] | None = None
    unread: dict[str, str] = field(default_factory=dict)


def read(connection: Connection) -> Status:
    """Read the state of a database; changes nothing.

    Counts embeddings and looks for faults, so it reads our tables once. What the role may not read
    is left out, and named.
    """
    with database.rolled_back(connection):
        name, server = connection.execute(text(_PLACE)).one()
        recorded = migrations.recorded_revisions(connection)
        interrupted = migrations.interrupted_revision(connection)
    found = Status(name, server, next(iter(recorded), None), history.head(), interrupted)
    if found.revision is None:
        return found
    for part, sql in (
        ("phases", _PHASES),
        ("embeddings", _EMBEDDINGS),
        ("integrity", _INTEGRITY),
        ("sizes", _SIZES),
    ):
        try:
            with database.rolled_back(connection):
                rows = connection.execute(text(sql), {"tables": _tables()}).mappings()
                setattr(found, part, [dict(row) for row in rows])
        except (MivaaError, exc.DBAPIError) as error:
            found.unread[part] = str(error).splitlines()[0]
    try:
        found.drift = len(drift.find(connection))
    except (MivaaError, exc.DBAPIError) as error:
        found.unread["drift"] = str(error).splitlines()[0]
    return found


def _tables() -> list[str]:
    return [item["name"] for item in history.objects("table")]


_PLACE = "select current_database(), current_setting('server_version')"
_PHASES = """
select phase, status, completed_at from public.migration_tracking
order by started_at, phase
"""
_EMBEDDINGS = "select * from public.get_embedding_migration_progress()"
_INTEGRITY = """
select check_name, status, issue_count, details
from public.validate_workspace_data_integrity() where status <> 'PASS'
"""
_SIZES = """
select t.name as table, case when c.reltuples > 0 then c.reltuples::bigint end as rows,
  pg_table_size(c.oid) as bytes, pg_indexes_size(c.oid) as index_bytes
from unnest(cast(:tables as text[])) with ordinality t (name, n)
join pg_catalog.pg_class c on c.oid = to_regclass(t.name)
order by t.n
"""
