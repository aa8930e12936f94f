"""Operations that revisions may use for ever; they never change their meaning.

A revision is the past and imports nothing of the present; these operations are the one exception.
What they send is the same online, offline and in a rollback, so every decision that depends on
the database is taken by the database, in an anonymous block.
"""

from mivaa_schema.operations.access import (
    about,
    adopt_rules,
    create_auth_aliases,
    drop_auth_aliases,
    grant_auth_aliases,
    release_rules,
    revocations,
    revoke_auth_aliases,
)
from mivaa_schema.operations.constraints import (
    Check,
    ForeignKey,
    adopt_check,
    adopt_foreign_key,
    adopt_not_null,
    release_constraint,
    validate,
)
from mivaa_schema.operations.entities import (
    create_functions,
    create_policies,
    create_triggers,
    drop_functions,
    drop_policies,
    drop_triggers,
    replace_functions,
)
from mivaa_schema.operations.frozen import FrozenSQL, rollback_of
from mivaa_schema.operations.indexes import (
    IndexDefinition,
    adopt_index,
    release_index,
    restore_index,
)
from mivaa_schema.operations.ledger import create_ledger, drop_ledger
from mivaa_schema.operations.locks import locked
from mivaa_schema.operations.maintenance import analyze, fill_chunk_workspaces
from mivaa_schema.operations.properties import (
    close_relation,
    enable_row_security,
    reset_table_options,
    restore_column_storage,
    restore_grants,
    restore_row_security,
    set_column_storage,
    set_table_options,
)
from mivaa_schema.operations.sql import in_one_message, run
from mivaa_schema.operations.tables import (
    adopt_columns,
    adopt_table,
    adopt_vector_extension,
    lock_incomplete_tables,
    release_columns,
    release_table,
    release_vector_extension,
)
from mivaa_schema.operations.tracking import (
    begin_phase,
    complete_phase,
    drop_records,
    reopen_phase,
    require_completed,
    roll_back_phase,
)
from mivaa_schema.operations.transactions import resumable

__all__ = [
    "Check",
    "ForeignKey",
    "FrozenSQL",
    "IndexDefinition",
    "about",
    "adopt_check",
    "adopt_columns",
    "adopt_foreign_key",
    "adopt_index",
    "adopt_not_null",
    "adopt_rules",
    "adopt_table",
    "adopt_vector_extension",
    "analyze",
    "begin_phase",
    "close_relation",
    "complete_phase",
    "create_auth_aliases",
    "create_functions",
    "create_ledger",
    "create_policies",
    "create_triggers",
    "drop_auth_aliases",
    "drop_functions",
    "drop_ledger",
    "drop_policies",
    "drop_records",
    "drop_triggers",
    "enable_row_security",
    "fill_chunk_workspaces",
    "grant_auth_aliases",
    "in_one_message",
    "lock_incomplete_tables",
    "locked",
    "release_columns",
    "release_constraint",
    "release_index",
    "release_rules",
    "release_table",
    "release_vector_extension",
    "reopen_phase",
    "replace_functions",
    "require_completed",
    "reset_table_options",
    "restore_column_storage",
    "restore_grants",
    "restore_index",
    "restore_row_security",
    "resumable",
    "revocations",
    "revoke_auth_aliases",
    "roll_back_phase",
    "rollback_of",
    "run",
    "set_column_storage",
    "set_table_options",
    "validate",
]
