"""What a user is told where a repair is refused or fails."""

# The names say what failed and the docstrings are messages, not summaries.

from __future__ import annotations

from mivaa_schema.errors import MivaaError


class UnknownRepair(MivaaError):
    """There is no repair `{name}`. Known are: {known}.
    `mivaa-schema repair` says how many rows each of them would repair.
    """


class RepairNeedsHead(MivaaError):
    """The database is at {found}; repairs work at `{head}`, the last revision. Run
    `alembic upgrade head` first: invalid rows do not stop it.
    """


class NotTableOwner(MivaaError):
    """User `{user}` does not own {tables}, and only their owner sees and may repair every row.
    Connect as `{owner}`. Nothing was changed.
    """


class RowSecurityForced(MivaaError):
    """Row-level security hides rows of {tables} from their owner, so invalid rows cannot be found.
    Switch it off: alter table {first} no force row level security. Nothing was changed.
    """


class RepairOptionRefused(MivaaError):
    """The repair `{name}` takes no --{option}. Run it without that option. Nothing was changed."""


class MapRefused(MivaaError):
    """No column that `{repair}` repairs fits `--map {pair}`: the value before the sign must be
    unknown to the column, and the value after it known. {columns}. Nothing was changed.
    """


class UnknownWorkspace(MivaaError):
    """There is no workspace {workspace}. Name one that public.workspaces holds, or create it first.
    Nothing was changed.
    """


class NothingRepairable(MivaaError):
    """The repair `{name}` can repair nothing of what it found:
      {reasons}
    Nothing was changed.
    """


class RepairLockTimeout(MivaaError):
    """The repair `{name}` could not acquire its locks in {attempts} attempts: other sessions use
    the same rows. Holding locks: {blockers}.
    Batches that were committed before stay repaired. End those sessions or choose a quieter time,
    then run the same command again: it continues where it stopped.
    """


class RepairFailed(MivaaError):
    """The repair `{name}` was refused by the database, and rolled its last batch back: {detail}
    Batches that were committed before stay repaired. Remove the cause, then run the same command
    again: it continues where it stopped.
    """


class AccessLeft(MivaaError):
    """Not everything could be closed; the rest is done. The first refusal: {reason}
    Left is:
      {left}
    `mivaa-schema drift --sql` prints the statements: let a role run them that may, or try again at
    a quieter time.
    """
