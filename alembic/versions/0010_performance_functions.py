"""Functions that measure and renew.

Why: whoever runs a workspace wants to know how fast its queries are, and to have them planned by
statistics that are not stale.

How: functions with the rights of their caller, which execute the standard queries and return what
was measured. Only ANALYZE needs the owner's rights; it stands in a private definer that names its
tables itself. What is reported as done was seen to be done.

The downgrade loses: nothing.

Revision ID: 0010
Revises: 0009
"""

from mivaa_schema.operations import (
    FrozenSQL,
    create,
    drop,
    run,
)
from mivaa_schema.operations.entities import rollback_of
from mivaa_schema.operations.sql import complete_phase, reopen_phase

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PHASE = "performance_optimization"
SQL = FrozenSQL(__file__)
FUNCTIONS = (
    SQL.function("mivaa.is_workspace"),
    SQL.function("mivaa.resolve_existing_workspace"),
    SQL.function("mivaa.require_permission"),
    SQL.function("mivaa.probe_workspace"),
    SQL.function("mivaa.platform_statements"),
    SQL.function("mivaa.refresh_statistics"),
    SQL.function("mivaa.refresh_statistics_of_request"),
    SQL.function("mivaa.table_health"),
    SQL.function("public.analyze_workspace_query_performance"),
    SQL.function("public.optimize_workspace_data"),
)


def upgrade() -> None:
    run(create(*FUNCTIONS), SQL.run_list("grants.sql"), SQL.run_list("comments.sql"))
    run(complete_phase(PHASE, rollback_of(__file__, "0010", "0009")))


def downgrade() -> None:
    run(reopen_phase(PHASE), drop(*FUNCTIONS))
