"""Functions that validate and clean up.

Why: keys and checks guarantee most of what the platform rests on, but an adopted table may lack
them, and some faults, such as a missing embedding, no key can prevent.

How: one small function a group of checks. Row-level security hides from a user just what is
looked for (a chunk without its document, the other members), so the checks run with the rights of
the owner: one entrance for users, which works on the workspace of the request and takes no other,
and one for roles that see all workspaces. Orphans are found by a definer and deleted by the
caller.

The downgrade loses: nothing.

Revision ID: 0011
Revises: 0010
"""

from mivaa_schema.operations import (
    FrozenSQL,
    create,
    drop,
    run,
)
from mivaa_schema.operations.sql import begin_phase, roll_back_phase

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

PHASE = "data_validation"
SQL = FrozenSQL(__file__)
FUNCTIONS = (
    SQL.function("mivaa.check_references"),
    SQL.function("mivaa.check_embeddings"),
    SQL.function("mivaa.check_statuses"),
    SQL.function("mivaa.check_users"),
    SQL.function("mivaa.check_workspaces"),
    SQL.function("mivaa.check_indexes"),
    SQL.function("mivaa.integrity"),
    SQL.function("mivaa.integrity_of_request"),
    SQL.function("mivaa.orphaned_chunks"),
    SQL.function("mivaa.orphaned_chunks_of_request"),
    SQL.function("public.validate_workspace_data_integrity"),
    SQL.function("public.cleanup_orphaned_data"),
)


def upgrade() -> None:
    run(begin_phase(PHASE), create(*FUNCTIONS))
    run(SQL.run_list("grants.sql"), SQL.run_list("comments.sql"))


def downgrade() -> None:
    run(drop(*FUNCTIONS), roll_back_phase(PHASE))
