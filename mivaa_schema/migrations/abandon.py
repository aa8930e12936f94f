"""Drops what an interrupted revision has created whose file is gone."""

# The names say what failed and the docstrings are messages, not summaries.

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alembic.script import ScriptDirectory
from sqlalchemy import text

from mivaa_schema import database, migrations
from mivaa_schema.errors import MivaaError
from mivaa_schema.migrations import waits
from mivaa_schema.operations.batch import REVISION
from mivaa_schema.operations.records import MIGRATION
from mivaa_schema.operations.sql import DIALECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection, Engine

    from mivaa_schema.settings import Settings

STORAGE = {"p": "plain", "e": "external", "x": "extended", "m": "main"}


class NotInterrupted(MivaaError):
    """Revision {revision} is not interrupted: {found}. Nothing was changed."""


class AbandonRefused(MivaaError):
    """Revision {revision} has also changed {what}, whose former state only its own downgrade
    restores. Restore its file, with the folder beside it, and run `alembic downgrade {down}`.
    Nothing was changed.
    """


@dataclass(frozen=True, slots=True)
class CreatedObject:
    """What an interrupted revision has created or changed.

    Attributes:
        kind: Of the ledger: ``table``, ``column``, ``index``, ...
        name: Its qualified name.
        values: How many rows of a table, or values of a column, go with it.
        statement: What reverts it.
    """

    kind: str
    name: str
    values: int
    statement: str

    def __str__(self) -> str:
        unit = {"table": "rows", "column": "values"}.get(self.kind)
        return f"{self.kind} {self.name}" + (f" ({self.values} {unit})" if unit else "")


def created_objects(connection: Connection, revision: str) -> list[CreatedObject]:
    """What an interrupted revision has recorded, in the order in which it can be reverted.

    Raises:
        NotInterrupted: Another revision is interrupted, or none.
        RevisionInterrupted: Its file is there: Alembic completes or reverts it.
        AbandonRefused: It has changed what only its downgrade can restore.
    """
    found = migrations.interrupted_revision(connection)
    if found != revision:
        instead = "no revision is" if found is None else f"revision {found} is"
        raise NotInterrupted(revision=revision, found=instead)
    script = ScriptDirectory.from_config(migrations.alembic_config())
    with contextlib.suppress(migrations.InterruptedFileMissing, migrations.InterruptedElsewhere):
        migrations.refuse_interrupted(migrations.check_revisions(connection, script))
    rows = connection.execute(text(_RECORDED), {"kind": REVISION, "revision": revision}).all()
    unknown = [f"{kind} {name}" for kind, name, _ in rows if kind not in _REVERTS]
    if unknown:
        down = ", ".join(migrations.recorded_revisions(connection)) or "base"
        raise AbandonRefused(revision=revision, what=", ".join(unknown), down=down)
    order = list(_REVERTS)
    created = {(kind, name) for kind, name, _ in rows}
    return [
        CreatedObject(kind, name, _values(connection, kind, name), _REVERTS[kind](name, former))
        for kind, name, former in sorted(rows, key=lambda row: order.index(row.kind))
        # What lies on a table or a column that goes, goes with it.
        if ("table", name.rpartition(".")[0]) not in created
        and (kind == "column" or ("column", name) not in created)
    ]


def abandon(engine: Engine, settings: Settings, revision: str) -> list[CreatedObject]:
    """Revert what an interrupted revision has created, all or nothing; return what it was.

    Raises:
        MivaaError: As :func:`created_objects`; or another upgrade runs, or a lock is not available.
    """
    done: list[CreatedObject] = []
    with database.connect(engine) as connection:
        process = waits.backend_pid(connection)
        connection.commit()

        def run() -> None:
            done[:] = created_objects(connection, revision)
            for item in done:
                connection.exec_driver_sql(item.statement)
            _forget(connection, revision)
            connection.commit()

        def failed() -> tuple[str, str]:
            connection.rollback()
            return revision, "interrupted as before"

        with migrations.upgrade_lock(connection, settings.upgrade_wait):
            migrations.prepare_session(connection, migrations.timeouts(settings))
            waits.run_with_retries(engine, process, run, failed, settings.lock_retries)
    return done


def _forget(connection: Connection, revision: str) -> None:
    """Take the revision off the records: the ledger, its phase, and where a downgrade began."""
    values = {"kind": REVISION, "revision": revision, "migration": MIGRATION}
    connection.execute(text(_FORGET_PHASE), values)
    connection.execute(text(_FORGET), values)
    script = ScriptDirectory.from_config(migrations.alembic_config())
    former = max((r.revision for r in script.walk_revisions() if r.revision < revision), default="")
    connection.execute(
        text(
            "update mivaa.alembic_version set version_num = :former where version_num = :revision"
        ),
        {"former": former, "revision": revision},
    )


def _values(connection: Connection, kind: str, name: str) -> int:
    if kind == "table":
        sql = f"select count(*) from {_quoted(name)}"
    elif kind == "column":
        table, column = _parts(name)
        sql = f"select count({column}) from {table}"
    else:
        return 0
    return int(connection.exec_driver_sql(sql).scalar_one())


def _quoted(name: str) -> str:
    quote = DIALECT.identifier_preparer.quote
    return ".".join(part if part.startswith('"') else quote(part) for part in name.split("."))


def _parts(name: str) -> tuple[str, str]:
    table, _, part = name.rpartition(".")
    return _quoted(table), _quoted(part)


def _drop_constraint(name: str, _: Any) -> str:
    table, constraint = _parts(name)
    return f"alter table {table} drop constraint if exists {constraint}"


def _reset_option(name: str, _: Any) -> str:
    table, option = _parts(name)
    return f"alter table {table} reset ({option})"


def _restore_storage(name: str, former: str) -> str:
    table, column = _parts(name)
    return f"alter table {table} alter column {column} set storage {STORAGE[former]}"


def _drop_column(name: str, _: Any) -> str:
    table, column = _parts(name)
    return f"alter table {table} drop column if exists {column}"


# In the order in which they can be reverted.
_REVERTS: dict[str, Callable[[str, str], str]] = {
    "constraint": _drop_constraint,
    "index": lambda name, _: f"drop index if exists {_quoted(name)}",
    "option": _reset_option,
    "storage": _restore_storage,
    "row_security": lambda name, _: f"alter table {_quoted(name)} disable row level security",
    "column": _drop_column,
    "table": lambda name, _: f"drop table if exists {_quoted(name)}",
    "function": lambda name, _: f"drop function if exists {name}",
    "extension": lambda name, _: f"drop extension if exists {_quoted(name)}",
}

_RECORDED = """
select l.kind, l.object_name, l.former
from mivaa.ledger l join mivaa.ledger m on l.recorded_at >= m.recorded_at
where m.kind = :kind and m.object_name = :revision and l.kind <> m.kind
order by l.recorded_at desc, l.kind, l.object_name
"""

_FORGET = """
delete from mivaa.ledger l using mivaa.ledger m
where m.kind = :kind and m.object_name = :revision and l.recorded_at >= m.recorded_at
"""

_LEAVE = "update mivaa.alembic_version set version_num = :former where version_num = :revision"

_FORGET_PHASE = """
delete from public.migration_tracking t using mivaa.ledger m
where m.kind = :kind and m.object_name = :revision and t.migration_name = :migration
  and t.status <> 'completed' and t.started_at >= m.recorded_at
"""
