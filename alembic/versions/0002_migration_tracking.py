"""Migration tracking.

Why: every phase is recorded from the first one on, with the SQL that takes it back.

How: the table, closed to all but its owner, and the two functions that write and execute its
records. A table that was there is looked at again under a lock: until it is closed, others may
write what the checks before the upgrade have not seen. The executing function runs with the rights
of its caller and is granted to nobody. What it executes it compares with a digest in the private
ledger, so that nothing is executed that somebody else has put into the table.

The downgrade loses: the records of earlier rollbacks.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa

from mivaa_schema.operations import (
    FrozenSQL,
    adopt,
    adopt_table,
    close_table,
    create,
    drop,
    foreign_key,
    index,
    locked,
    one_of,
    release,
    release_table,
    reopen_table,
    resumable,
    run,
    validate,
)
from mivaa_schema.operations.sql import MIGRATION, block, literal, recorded, when

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQL = FrozenSQL(__file__)
FUNCTIONS = (
    SQL.function("public.mark_migration_complete"),
    SQL.function("public.rollback_migration_phase"),
)
CLOSED = SQL.policy("migration_tracking.closed")
TABLE = "public.migration_tracking"
STATUS = one_of(
    "migration_tracking_status_check",
    TABLE,
    "status",
    ("pending", "running", "completed", "failed", "rolled_back"),
)
CREATED_BY = foreign_key(
    "migration_tracking_created_by_fkey",
    TABLE,
    ["created_by"],
    "auth.users",
    ["id"],
    on_delete="set null",
)
ONE_A_PHASE = index(
    "migration_tracking_migration_name_phase_key", TABLE, ["migration_name", "phase"], unique=True
)
REFUSE_FOREIGN_RECORDS = block(
    when(
        f"not {recorded('table', TABLE)}",
        f"""\
perform mivaa.lock_tables('share row exclusive', {literal(TABLE)});
if exists (
  select from {TABLE} where rollback_sql is not null or migration_name = {literal(MIGRATION)}
) then
  raise exception 'somebody has written into {TABLE} while the upgrade ran: rollback_sql, or a row '
    'of migration {MIGRATION}'
    using errcode = 'object_not_in_prerequisite_state',
          hint = 'Nothing of it was executed. Delete what is not yours, then start again.';
end if;""",
    )
)


def upgrade() -> None:
    table = adopt_table(
        TABLE,
        sa.Column(
            "id",
            sa.Uuid(),
            primary_key=True,
            server_default=sa.text("gen_random_uuid()"),
            comment="Primary key.",
        ),
        sa.Column(
            "migration_name",
            sa.Text(),
            nullable=False,
            comment="Name of the migration.",
            info={"min_length": 40},
        ),
        sa.Column(
            "phase",
            sa.Text(),
            nullable=False,
            comment="Name of the phase.",
            info={"min_length": 40},
        ),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            server_default="pending",
            comment="pending, running, completed, failed or rolled_back.",
            info={"min_length": 20},
        ),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            comment="When the phase was started.",
        ),
        sa.Column(
            "completed_at",
            sa.DateTime(timezone=True),
            comment="When the phase was completed.",
        ),
        sa.Column(
            "error_message", sa.Text(), comment="Why the phase failed.", info={"min_length": None}
        ),
        sa.Column(
            "rollback_sql",
            sa.Text(),
            comment="What rollback_migration_phase executes: the downgrade of its revisions.",
            info={"min_length": None},
        ),
        sa.Column("created_by", sa.Uuid(), comment="User who started the phase."),
        comment="Phases of the migration; its owner executes what rollback_sql holds.",
    )
    # At once, and not with the other tables: its owner executes what stands in it.
    run(table, close_table(TABLE), REFUSE_FOREIGN_RECORDS)
    with resumable(revision):
        run(adopt(STATUS, CREATED_BY))
        run(validate(STATUS, CREATED_BY))
        run(adopt(ONE_A_PHASE))
    with locked(TABLE) as batch:
        batch.run(create(CLOSED), create(*FUNCTIONS, again=True), SQL.run_list("comments.sql"))


def downgrade() -> None:
    with locked(TABLE) as batch:
        batch.run(
            drop(CLOSED, *FUNCTIONS),
            "delete from mivaa.ledger where kind = 'rollback'",
            # A table of the platform's keeps its own rows.
            f"delete from {TABLE} where migration_name = {literal(MIGRATION)}",
            release(STATUS, CREATED_BY, ONE_A_PHASE),
            reopen_table(TABLE),
            release_table(TABLE, *SQL.columns(TABLE)),
        )
