"""Completion: every phase is recorded, with the SQL that takes it back.

Why: the end of the chain is the place to say that all of it is there.

How: the last phase is recorded as completed, then all six are looked up. An upgrade that finds one
missing stops here and changes nothing.

The downgrade loses: nothing.

Revision ID: 0012
Revises: 0011
"""

from mivaa_schema.operations import run
from mivaa_schema.operations.entities import rollback_of
from mivaa_schema.operations.sql import (
    MIGRATION,
    block,
    complete_phase,
    literal,
    reopen_phase,
    text_array,
    when,
)

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


def require_completed(*phases: str) -> str:
    """Stop unless every one of the phases is recorded as completed, with its rollback."""
    condition = (
        "v_missing := array(\n"
        f"  select p.phase from unnest({text_array(phases)}) with ordinality p (phase, position)\n"
        "  where not exists (\n"
        "    select from public.migration_tracking t\n"
        f"    where t.migration_name = {literal(MIGRATION)} and t.phase = p.phase\n"
        "      and t.status = 'completed' and t.rollback_sql is not null\n"
        "  ) order by p.position\n"
        ");\n"
    )
    refuse = (
        "raise exception 'phases without a completed record: %', "
        "array_to_string(v_missing, ', ')\n"
        "  using errcode = 'object_not_in_prerequisite_state',\n"
        "        hint = 'Downgrade to before the first of them, then upgrade again.';"
    )
    return block(condition + when("cardinality(v_missing) > 0", refuse), "v_missing text[];")


def upgrade() -> None:
    run(complete_phase(PHASE, rollback_of(__file__, "0012", "0011")), require_completed(*PHASES))


def downgrade() -> None:
    run(reopen_phase(PHASE))
