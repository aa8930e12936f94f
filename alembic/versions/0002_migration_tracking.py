"""Migration tracking.

Why: every phase is recorded from the first one on, with the SQL that takes it back.

How: the table, closed to all but its owner, and the two functions that write and execute its
records. The executing one runs with the rights of its caller and is granted to nobody.

The downgrade loses: the records of earlier rollbacks.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa

from mivaa_schema.operations import (
    Check,
    ForeignKey,
    FrozenSQL,
    IndexDefinition,
    adopt_check,
    adopt_foreign_key,
    adopt_index,
    adopt_table,
    close_relation,
    drop_functions,
    drop_records,
    enable_row_security,
    locked,
    release_constraint,
    release_index,
    release_table,
    replace_functions,
    restore_grants,
    restore_row_security,
    resumable,
    run,
    validate,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQL = FrozenSQL(__file__)
FUNCTIONS = (
    SQL.function("public.mark_migration_complete"),
    SQL.function("public.rollback_migration_phase"),
)
TABLE = "public.migration_tracking"
STATUS = Check(
    "migration_tracking_status_check",
    TABLE,
    "status in ('pending', 'running', 'completed', 'failed', 'rolled_back')",
)
CREATED_BY = ForeignKey(
    "migration_tracking_created_by_fkey",
    TABLE,
    ("created_by",),
    "auth.users",
    ("id",),
    "on delete set null",
)
ONE_A_PHASE = IndexDefinition(
    "migration_tracking_migration_name_phase_key", TABLE, ("migration_name", "phase"), unique=True
)


def upgrade() -> None:
    adopt_table(
        TABLE,
        sa.Column(
            "id",
            sa.Uuid(),
            primary_key=True,
            server_default=sa.text("gen_random_uuid()"),
            comment="Primary key.",
        ),
        sa.Column("migration_name", sa.Text(), nullable=False, comment="Name of the migration."),
        sa.Column("phase", sa.Text(), nullable=False, comment="Name of the phase."),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            server_default="pending",
            comment="pending, running, completed, failed or rolled_back.",
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
        sa.Column("error_message", sa.Text(), comment="Why the phase failed."),
        sa.Column(
            "rollback_sql",
            sa.Text(),
            comment="What rollback_migration_phase executes: the downgrade of its revisions.",
        ),
        sa.Column("created_by", sa.Uuid(), comment="User who started the phase."),
        comment="Phases of the migration; its owner executes what rollback_sql holds.",
    )
    # At once, and not with the other tables: its owner executes what stands in it.
    close_relation(TABLE)
    enable_row_security(TABLE)
    with resumable(revision):
        adopt_check(STATUS)
        adopt_foreign_key(CREATED_BY)
        validate(STATUS)
        validate(CREATED_BY)
        adopt_index(ONE_A_PHASE)
    replace_functions(*FUNCTIONS)
    run(*SQL.statements("comments.sql"))


def downgrade() -> None:
    with locked(TABLE):
        drop_functions(*FUNCTIONS)
        drop_records()
        release_index(ONE_A_PHASE)
        release_constraint(CREATED_BY)
        release_constraint(STATUS)
        restore_row_security(TABLE)
        restore_grants(TABLE)
        release_table(
            TABLE,
            "migration_name",
            "phase",
            "status",
            "started_at",
            "completed_at",
            "error_message",
            "rollback_sql",
            "created_by",
        )
