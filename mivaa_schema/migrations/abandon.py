"""Reverts what an interrupted revision has created or changed whose file is gone."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

from alembic.script import ScriptDirectory
from sqlalchemy import text

from mivaa_schema import database, history, migrations
from mivaa_schema.errors import MivaaError
from mivaa_schema.migrations import waits
from mivaa_schema.operations import release, release_table, reopen_table
from mivaa_schema.operations.batch import REVISION
from mivaa_schema.operations.constraints import release_constraint
from mivaa_schema.operations.sql import MIGRATION, block, qualified, quote, undo

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, CursorResult, Engine

    from mivaa_schema.settings import Settings


class AbandonRefused(MivaaError):
    """Revision {revision} cannot be abandoned: {reason}. Nothing was changed."""


@dataclasses.dataclass(frozen=True, slots=True)
class CreatedObject:
    """What an interrupted revision has created or changed.

    Attributes:
        kind: Of the ledger: ``table``, ``column``, ``index``, ...
        name: Its qualified name.
        values: How many rows of a table, or values of a column, are lost with it.
        statements: What reverts it, if it is there.
    """

    kind: str
    name: str
    values: int
    statements: tuple[str, ...]

    def __str__(self) -> str:
        unit = {"table": "rows", "column": "values"}.get(self.kind)
        return f"{self.kind} {self.name}" + (f" ({self.values} {unit})" if unit else "")


def created_objects(connection: Connection, revision: str) -> list[CreatedObject]:
    """What an interrupted revision has recorded, in the order in which it can be reverted.

    Raises:
        AbandonRefused: Another revision is interrupted, or none; or its file is there; or the
            ledger has a kind of object that no operation reverts.
    """
    found = migrations.interrupted_revision(connection)
    if found != revision:
        instead = "no revision is" if found is None else f"revision {found} is"
        raise AbandonRefused(revision=revision, reason=f"it is not interrupted; {instead}")
    script = ScriptDirectory.from_config(migrations.alembic_config())
    with contextlib.suppress(migrations.InterruptedFileMissing):
        if there := migrations.check_revisions(connection, script):
            reason = (
                f"its file is there. `alembic upgrade {revision}` completes it, and"
                f" `alembic downgrade {there.down_revision or 'base'}` reverts it"
            )
            raise AbandonRefused(revision=revision, reason=reason)
    rows = connection.execute(text(_RECORDED), {"kind": REVISION, "revision": revision}).all()
    if unknown := [f"{kind} {name}" for kind, name in rows if not _is_known(kind, name)]:
        reason = (
            f"it has also changed {', '.join(unknown)}, which only its downgrade restores. Restore"
            " its file, with the folder beside it, and run `alembic downgrade`"
        )
        raise AbandonRefused(revision=revision, reason=reason)
    tables = [name for kind, name in rows if kind == "table"]
    columns = [name for kind, name in rows if kind == "column"]
    items = []
    for kind, name in sorted(rows, key=lambda row: KINDS.index(row.kind)):
        table, bare = _split(connection, kind, name)
        # What lies on a table or a column that goes, goes with it.
        if kind == "table" or (table not in tables and (kind == "column" or name not in columns)):
            values = _count(connection, kind, table, bare)
            items.append(CreatedObject(kind, name, values, _reverting(kind, name, table, bare)))
    return items


KINDS = (
    *("rules", "acl", "row_security", "constraint", "index", "option", "storage", "column"),
    *("table", "function", "extension"),
)
"""Kinds of the ledger, in the order in which they can be reverted."""


def _is_known(kind: str, name: str) -> bool:
    return kind in KINDS and (kind != "rules" or bool(_policies(name)))


def _policies(table: str) -> list[str]:
    return [item["name"] for item in history.objects("policy") if item["table"] == table]


def _reverting(kind: str, name: str, table: str, bare: str) -> tuple[str, ...]:
    """The statements with which the operations of revisions revert an object of the ledger."""
    item = {"kind": kind, "table": table, "name": bare}
    match kind:
        case "acl" | "row_security":
            return reopen_table(table).statements
        case "table":
            return release_table(name).statements
        case "constraint":
            return release_constraint(item).statements
        case "index":
            return release({**item, "name": name}).statements
        case "column" | "option" | "storage":
            return release(item).statements
    drop = f"drop {kind} {name if kind == 'function' else qualified(name)};"
    if kind == "rules":
        on = f"on {qualified(table)};"
        drop = "\n".join(f"drop policy if exists {quote(p)} {on}" for p in _policies(table))
    return (block(undo(kind, name, drop)),)


def _split(connection: Connection, kind: str, name: str) -> tuple[str, str]:
    """The table of an object of the ledger, and its bare name; either may hold dots."""
    if kind in ("table", "acl", "row_security", "rules"):
        return name, ""
    parts = name.split(".")
    for at in range(2, len(parts)):
        table = ".".join(parts[:at])
        found = connection.execute(text("select to_regclass(:name)"), {"name": qualified(table)})
        if found.scalar() is not None:
            return table, ".".join(parts[at:])
    return "", name


def _count(connection: Connection, kind: str, table: str, bare: str) -> int:
    if kind not in ("table", "column"):
        return 0
    sql = f"select count({quote(bare) if bare else '*'}) from {qualified(table)}"
    return int(_execute(connection, sql).scalar_one())


def _execute(connection: Connection, statement: str) -> CursorResult[Any]:
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


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
                for statement in item.statements:
                    _execute(connection, statement)
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
    """Take the revision off the records: its phase, the ledger, and where a downgrade began."""
    script = ScriptDirectory.from_config(migrations.alembic_config())
    former = max((r.revision for r in script.walk_revisions() if r.revision < revision), default="")
    values = {"kind": REVISION, "revision": revision, "migration": MIGRATION, "former": former}
    for statement in (_FORGET_PHASE, _FORGET, _SET_FORMER):
        connection.execute(text(statement), values)


_SINCE = "m.kind = :kind and m.object_name = :revision and l.recorded_at >= m.recorded_at"

_RECORDED = f"""
select l.kind, l.object_name
from mivaa.ledger l join mivaa.ledger m on {_SINCE}
where l.kind <> m.kind
order by l.recorded_at desc, l.kind, l.object_name
"""

_FORGET = f"delete from mivaa.ledger l using mivaa.ledger m where {_SINCE}"

_SET_FORMER = "update mivaa.alembic_version set version_num = :former where version_num = :revision"

_FORGET_PHASE = """
delete from public.migration_tracking t using mivaa.ledger m
where m.kind = :kind and m.object_name = :revision and t.migration_name = :migration
  and t.status <> 'completed' and t.started_at >= m.recorded_at
"""
