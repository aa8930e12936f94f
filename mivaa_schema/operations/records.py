"""What the chain remembers: the ledger of its changes, and the phases of the migration.

A row of the ledger is written in the transaction (for a concurrent index: just before the build)
that creates or changes the object. ``former`` is null for what was created and holds the earlier
state of what was changed. An object without a row was there before us and is never dropped.
"""

from __future__ import annotations

from mivaa_schema.operations.sql import EVERY_API_GRANTEE, dollar_quoted, literal, when

MIGRATION = "mivaa_integration"
"""Name under which ``public.migration_tracking`` holds the phases of this chain."""

CREATE_LEDGER = f"""\
create table mivaa.ledger (
  kind text not null,
  object_name text not null,
  former text,
  recorded_at timestamp with time zone not null default now(),
  constraint ledger_pkey primary key (kind, object_name)
);
comment on table mivaa.ledger is
  'What the chain created or changed; a downgrade undoes exactly this.';
comment on column mivaa.ledger.kind is
  'Class of object or property: table, column, index, acl, ...';
comment on column mivaa.ledger.object_name is 'Qualified name of the object.';
comment on column mivaa.ledger.former is 'State to restore; null where the object was created.';
comment on column mivaa.ledger.recorded_at is 'When the chain created or changed the object.';
alter table mivaa.ledger enable row level security;
create policy ledger_select on mivaa.ledger for select using (true);
comment on policy ledger_select on mivaa.ledger is 'Whoever is granted SELECT.';
revoke all on mivaa.ledger from {EVERY_API_GRANTEE}"""
# The policy admits everybody, so privileges alone decide: whoever looks for drift reads the ledger.


def create_ledger() -> list[str]:
    """The statements that create ``mivaa.ledger``, closed to everybody but its owner."""
    return CREATE_LEDGER.split(";\n")


def record(kind: str, object_name: str, former: str = "null") -> str:
    """Remember an object; ``former`` is a SQL expression of type text.

    The first record wins: a second run over half-done work must not take our own state for the
    state that was there before.
    """
    return (
        "insert into mivaa.ledger (kind, object_name, former)"
        f" values ({literal(kind)}, {literal(object_name)}, {former}) on conflict do nothing;"
    )


def recorded(kind: str, object_name: str) -> str:
    """A condition: the chain created or changed this object."""
    return f"exists (select from mivaa.ledger where {row(kind, object_name)})"


def forget(kind: str, object_name: str) -> str:
    """Take the object off the ledger."""
    return f"delete from mivaa.ledger where {row(kind, object_name)};"


def undo(kind: str, object_name: str, statements: str) -> str:
    """Undo what the chain created or changed, and take it off the ledger; else do nothing."""
    return when(recorded(kind, object_name), f"{statements}\n{forget(kind, object_name)}")


def row(kind: str, object_name: str) -> str:
    """A condition: this row of the ledger."""
    return f"kind = {literal(kind)} and object_name = {literal(object_name)}"


def begin_phase(phase: str) -> str:
    """Record that the first revision of a phase is being applied."""
    return f"""\
insert into public.migration_tracking (migration_name, phase, status, started_at)
values ({literal(MIGRATION)}, {literal(phase)}, 'running', clock_timestamp())
on conflict (migration_name, phase) do update set
  status = 'running', started_at = excluded.started_at,
  completed_at = null, error_message = null"""


def complete_phase(phase: str, rollback_sql: str) -> str:
    """Record that the last revision of a phase is applied.

    ``rollback_sql`` rolls the phase back: the downgrades of its revisions, last one first.
    """
    quoted = dollar_quoted(f"\n{rollback_sql}", "rollback")
    return (
        f"select public.mark_migration_complete({literal(MIGRATION)}, {literal(phase)},\n{quoted})"
    )


def reopen_phase(phase: str) -> str:
    """Record that the last revision of a phase is downgraded while earlier ones stay."""
    return _set_status(phase, "running")


def roll_back_phase(phase: str) -> str:
    """Record that the first revision of a phase, and so the whole of it, is downgraded."""
    return _set_status(phase, "rolled_back")


def _set_status(phase: str, status: str) -> str:
    return (
        f"update public.migration_tracking set status = {literal(status)}, completed_at = null\n"
        f"where migration_name = {literal(MIGRATION)} and phase = {literal(phase)}"
    )
