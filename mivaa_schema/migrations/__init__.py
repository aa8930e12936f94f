"""Running migrations: the configuration, what the database records, and what a session sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic.config import Config
from sqlalchemy import text

from mivaa_schema import history
from mivaa_schema.errors import MivaaError
from mivaa_schema.migrations.waits import (
    UPGRADE_LOCK,
    UpgradeRunning,
    blockers,
    describe,
    upgrade_lock,
)
from mivaa_schema.operations.batch import REVISION, Timeouts, set_lock_timeout
from mivaa_schema.operations.sql import block, literal, revoking_all, when

if TYPE_CHECKING:
    from alembic.script import Script, ScriptDirectory
    from sqlalchemy.engine import Connection

    from mivaa_schema.settings import Settings

__all__ = ["UPGRADE_LOCK", "UpgradeRunning", "blockers", "describe", "upgrade_lock"]

PRIVATE_SCHEMA = "mivaa"
VERSION_TABLE = "alembic_version"


class UnknownRevision(MivaaError):
    """The database is at revision `{revision}`, which is not among the files in {folder} (the last
    one is `{head}`). Either its file was deleted or renamed: restore it, with the folder beside
    it. Or a later version of mivaa-schema made it: install that version. Then run the same command
    again. Nothing was changed.
    """


class RevisionInterrupted(MivaaError):
    """Revision {revision} is interrupted: a run stopped half-way, and what it did so far is in the
    database, recorded by no revision. Complete it with `alembic upgrade {revision:sh}` or revert it
    with `alembic downgrade {down:sh}`, then run the same command again.
    """


class InterruptedFileMissing(MivaaError):
    """Revision {revision} is interrupted: a run stopped half-way, and {reason}. Restore the file
    that was run, with the folder beside it, and run `alembic upgrade {revision:sh}` or `alembic
    downgrade {down:sh}`; or drop what the revision has created so far:
      mivaa-schema abandon {revision:sh}
    That only lists it; with --apply it drops it.
    """


def alembic_config() -> Config:
    """The Alembic configuration of this project: alembic.ini, of the checkout or of the wheel."""
    folder = history.history_folder()
    shipped = folder / "alembic.ini"
    config = Config(shipped if shipped.exists() else folder.parent / "alembic.ini")
    # Alembic takes a percent sign in the folder's name for the start of a variable.
    here = config.file_config.defaults()["here"]
    config.file_config.set("DEFAULT", "here", here.replace("%", "%%"))
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def timeouts(settings: Settings) -> Timeouts:
    """How long the statements of a run may wait."""
    return Timeouts(lock=settings.lock_timeout, build=settings.build_timeout)


# What the database records


def recorded_revisions(connection: Connection) -> list[str]:
    """The revisions that the database records; empty before the first upgrade."""
    if connection.execute(text("select to_regclass('mivaa.alembic_version')")).scalar() is None:
        return []
    return list(connection.execute(text("select version_num from mivaa.alembic_version")).scalars())


def interrupted_revision(connection: Connection) -> str | None:
    """The revision whose mark is on the ledger: its upgrade, or then its downgrade, stopped.

    The mark is committed where a revision first leaves its transaction, and deleted in the
    transaction that ends its upgrade or its downgrade. What ``alembic_version`` holds meanwhile is
    that revision or the one before it, and says nothing about the schema.
    """
    if connection.execute(text("select to_regclass('mivaa.ledger')")).scalar() is None:
        return None
    sql = text("select object_name from mivaa.ledger where kind = :kind order by 1 desc")
    name = connection.execute(sql, {"kind": REVISION}).scalar()
    return None if name is None else str(name)


def check_revisions(connection: Connection, script: ScriptDirectory) -> Script | None:
    """Compare what the database records with the files; return the interrupted revision, if any.

    Raises:
        UnknownRevision: The recorded revision has no file.
        InterruptedFileMissing: The interrupted revision has no file, or is neither the recorded one
            nor the next.
    """
    known = {revision.revision: revision for revision in script.walk_revisions()}
    recorded = recorded_revisions(connection)
    interrupted = interrupted_revision(connection)
    folder = Path(script.dir) / "versions"
    if interrupted is not None and interrupted not in known:
        down = next((name for name in recorded if name != interrupted), "-1")
        reason = f"its file is missing in {folder}"
        raise InterruptedFileMissing(revision=interrupted, reason=reason, down=down)
    for name in recorded:
        if name not in known:
            head = ", ".join(script.get_heads())
            raise UnknownRevision(revision=name, folder=folder, head=head)
    if interrupted is None:
        return None
    down, at = _down(known[interrupted]), ", ".join(recorded) or "base"
    if at not in (interrupted, down):
        reason = f"its file follows `{down}`, while the database is at `{at}`"
        raise InterruptedFileMissing(revision=interrupted, reason=reason, down=down)
    return known[interrupted]


def refuse_interrupted(interrupted: Script | None) -> None:
    """Refuse what needs a database that is exactly at a revision.

    Raises:
        RevisionInterrupted: A revision is interrupted.
    """
    if interrupted is not None:
        raise RevisionInterrupted(revision=interrupted.revision, down=_down(interrupted))


def _down(revision: Script) -> str:
    return str(revision.down_revision or "base")


def set_recorded_revision(connection: Connection, revision: Script, *, before: bool) -> None:
    """Let a run begin at an interrupted revision, or before it.

    The mark stays, so this says nothing but where the next run starts.
    """
    wanted = revision.down_revision if before else revision.revision
    if recorded_revisions(connection) == ([wanted] if wanted else []):
        return
    connection.exec_driver_sql("delete from mivaa.alembic_version")
    if wanted:
        insert = text("insert into mivaa.alembic_version (version_num) values (:wanted)")
        connection.execute(insert, {"wanted": wanted})


# What a session sets


def prepare_session(connection: Connection, waiting: Timeouts) -> None:
    """Bound the waits of a session and commit, so that Alembic begins its own transactions."""
    for statement in session_settings(waiting):
        connection.exec_driver_sql(statement)
    connection.commit()


def session_settings(waiting: Timeouts) -> list[str]:
    """What a session that runs migrations sets first, online and offline."""
    # "already exists, skipping" is what is wanted; a warning is not.
    level, path = "set client_min_messages = warning", "set search_path = public, extensions"
    # Definitions are compared as PostgreSQL prints them.
    names = "set quote_all_identifiers = off"
    first = [set_lock_timeout(waiting.lock), *NO_TIME_LIMITS, _NOTICE_A_DEAD_CLIENT]
    return [*first, level, path, names]


NO_TIME_LIMITS = (
    # A platform may end every statement after two minutes; an index build takes its time.
    "set statement_timeout = 0",
    "set idle_in_transaction_session_timeout = 0",
    "set idle_session_timeout = 0",
    # PostgreSQL 17 and later.
    """\
do $mivaa$
begin
  if current_setting('transaction_timeout', true) is not null then
    perform set_config('transaction_timeout', '0', false);
  end if;
end
$mivaa$""",
)
"""Limits that a platform sets for a database or a role; the waits of a run have bounds of ours."""

# A server notices that its client was killed only when it has something to send, and an index build
# has not for hours. Where the system cannot tell, the setting is refused, and left as it is.
_NOTICE_A_DEAD_CLIENT = """\
do $mivaa$
begin
  set client_connection_check_interval = '1s';
exception when invalid_parameter_value then
  null;
end
$mivaa$"""


MAKE_PRIVATE_SCHEMA = (
    block(
        when(
            f"to_regnamespace('{PRIVATE_SCHEMA}') is null",
            # In one statement: whatever default privileges there are, nobody else is ever let in.
            f"create schema {PRIVATE_SCHEMA};\nexecute {literal(revoking_all('schema'))};",
        )
    ),
    # For one that was there, which the upgrade accepts where it is empty.
    f"revoke all on schema {PRIVATE_SCHEMA} from public",
)
"""What makes the schema of helpers and records, closed to everybody else."""

DROP_PRIVATE_SCHEMA = (
    f"drop table if exists {PRIVATE_SCHEMA}.{VERSION_TABLE}",
    f"drop schema if exists {PRIVATE_SCHEMA}",
)
"""What ends a downgrade to base; without cascade, so that nothing is lost."""

NOTIFY_API = "notify pgrst, 'reload schema'"
"""What has PostgREST read the schema again."""
