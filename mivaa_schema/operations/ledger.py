"""The ledger: what the chain created or changed, so that a downgrade undoes that and nothing else.

A row is written in the transaction (for a concurrent index: just before the build) that creates
or changes the object. ``former`` is null for what was created and holds the earlier state of what
was changed. An object without a row was there before us and is never dropped.
"""

from __future__ import annotations

from mivaa_schema.operations.sql import EVERY_API_GRANTEE, literal, run, when

CREATE_LEDGER = """\
create table mivaa.ledger (
  kind text not null,
  object_name text not null,
  former text,
  recorded_at timestamp with time zone not null default now(),
  constraint ledger_pkey primary key (kind, object_name)
)"""

COMMENTS = {
    "table mivaa.ledger": "What the chain created or changed; a downgrade undoes exactly this.",
    "column mivaa.ledger.kind": "Class of object or property: table, column, index, acl, ...",
    "column mivaa.ledger.object_name": "Qualified name of the object.",
    "column mivaa.ledger.former": "State to restore; null where the object was created.",
    "column mivaa.ledger.recorded_at": "When the chain created or changed the object.",
}


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
    return f"exists (select from mivaa.ledger where {_row(kind, object_name)})"


def forget(kind: str, object_name: str) -> str:
    """Take the object off the ledger."""
    return f"delete from mivaa.ledger where {_row(kind, object_name)};"


def undo(kind: str, object_name: str, statements: str) -> str:
    """Take back what the chain created or changed, and take it off the ledger; else do nothing."""
    return when(recorded(kind, object_name), f"{statements}\n{forget(kind, object_name)}")


def _row(kind: str, object_name: str) -> str:
    return f"kind = {literal(kind)} and object_name = {literal(object_name)}"


def create_ledger() -> None:
    """Create ``mivaa.ledger``, closed to everybody but its owner."""
    run(CREATE_LEDGER)
    for target, text in COMMENTS.items():
        run(f"comment on {target} is {literal(text)}")
    run("alter table mivaa.ledger enable row level security")
    run(f"revoke all on mivaa.ledger from {EVERY_API_GRANTEE}")


def drop_ledger() -> None:
    """Drop ``mivaa.ledger``; the last thing that a way back to base does."""
    run("drop table mivaa.ledger")
