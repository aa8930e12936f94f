"""Search and progress functions.

Why: applications ask for what is near; while embeddings move, a document must be found through
whichever vector it has.

How: functions with the rights of their caller, which take the workspace once and name it.

The downgrade loses: nothing.

Revision ID: 0008
Revises: 0007
"""

from mivaa_schema.operations import complete_phase, reopen_phase, rollback_of

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PHASE = "embedding_standardization"


def upgrade() -> None:
    complete_phase(PHASE, rollback_of(__file__, "0008", "0007"))


def downgrade() -> None:
    reopen_phase(PHASE)
