"""Completion: every phase is recorded, with the SQL that takes it back.

Why: the end of the chain is the place to say that all of it is there.

How: the last phase is recorded as completed, then all six are looked up. An upgrade that finds one
missing stops here and changes nothing.

The downgrade loses: nothing.

Revision ID: 0012
Revises: 0011
"""

from mivaa_schema.operations import complete_phase, reopen_phase, require_completed, rollback_of

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PHASE = "data_validation"
PHASES = (
    "jwt_functions",
    "schema_alignment",
    "rls_policies",
    "embedding_standardization",
    "performance_optimization",
    PHASE,
)


def upgrade() -> None:
    complete_phase(PHASE, rollback_of(__file__, "0012", "0011"))
    require_completed(*PHASES)


def downgrade() -> None:
    reopen_phase(PHASE)
