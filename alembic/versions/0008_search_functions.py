"""Search and progress functions.

Why: applications ask for what is near; while embeddings move, a document must be found through
whichever vector it has.

How: functions with the rights of their caller, which take the workspace once and name it. What
serves the time of the move alone stands in functions of its own in the private schema.

The downgrade loses: nothing.

Revision ID: 0008
Revises: 0007
"""

from mivaa_schema.operations import (
    FrozenSQL,
    create,
    drop,
    run,
)
from mivaa_schema.operations.entities import rollback_of
from mivaa_schema.operations.sql import complete_phase, reopen_phase

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PHASE = "embedding_standardization"
SQL = FrozenSQL(__file__)
FUNCTIONS = (
    SQL.function("mivaa.cosine_distance"),
    SQL.function("mivaa.half_cosine_distance"),
    SQL.function("mivaa.l2_distance"),
    SQL.function("mivaa.l1_distance"),
    SQL.function("mivaa.max_inner_product"),
    SQL.function("mivaa.unit_vector"),
    SQL.function("mivaa.validate_query_vector"),
    SQL.function("mivaa.search_documents_legacy"),
    SQL.function("mivaa.search_documents_mixed"),
    SQL.function("public.search_documents_hybrid"),
    SQL.function("mivaa.search_chunks_legacy"),
    SQL.function("mivaa.search_chunks_mixed"),
    SQL.function("public.search_document_chunks_hybrid"),
    SQL.function("public.get_embedding_migration_progress"),
)


def upgrade() -> None:
    run(create(*FUNCTIONS), SQL.run_list("comments.sql"), SQL.run_list("grants.sql"))
    run(complete_phase(PHASE, rollback_of(__file__, "0008", "0007")))


def downgrade() -> None:
    run(reopen_phase(PHASE), drop(*FUNCTIONS))
