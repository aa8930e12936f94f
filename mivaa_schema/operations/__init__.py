"""Operations that revisions may use for ever; they never change their meaning.

A revision reads nothing of the current models or SQL files; these operations are what it rests on.
Each returns the statements that it stands for, and what it does to the schema; ``run()``, or a
batch, sends them. The statements are the same online, offline and in a rollback, so every decision
that depends on the database is taken by the database, in an anonymous block.
"""

from mivaa_schema.operations.access import (
    close_table,
    reopen_table,
    reset_table_options,
    restore_column_storage,
    set_column_storage,
    set_table_options,
)
from mivaa_schema.operations.batch import (
    Operation,
    analyze,
    locked,
    one_message,
    resumable,
    run,
)
from mivaa_schema.operations.constraints import (
    adopt_constraint,
    adopt_index,
    check,
    foreign_key,
    index,
    not_null,
    one_of,
    release_constraint,
    release_index,
    restore_index,
    unique,
    validate,
)
from mivaa_schema.operations.entities import (
    FrozenSQL,
    create_functions,
    create_policies,
    create_triggers,
    drop_functions,
    drop_on_tables,
    listed,
    replace_functions,
    revoked,
    rollback_of,
)
from mivaa_schema.operations.records import (
    begin_phase,
    complete_phase,
    reopen_phase,
    roll_back_phase,
)
from mivaa_schema.operations.tables import (
    adopt_columns,
    adopt_table,
    change_column,
    comment_on_table,
    drop_columns,
    fill_column,
    release_columns,
    release_table,
    set_not_null,
)

__all__ = [
    "FrozenSQL",
    "Operation",
    "adopt_columns",
    "adopt_constraint",
    "adopt_index",
    "adopt_table",
    "analyze",
    "begin_phase",
    "change_column",
    "check",
    "close_table",
    "comment_on_table",
    "complete_phase",
    "create_functions",
    "create_policies",
    "create_triggers",
    "drop_columns",
    "drop_functions",
    "drop_on_tables",
    "fill_column",
    "foreign_key",
    "index",
    "listed",
    "locked",
    "not_null",
    "one_message",
    "one_of",
    "release_columns",
    "release_constraint",
    "release_index",
    "release_table",
    "reopen_phase",
    "reopen_table",
    "replace_functions",
    "reset_table_options",
    "restore_column_storage",
    "restore_index",
    "resumable",
    "revoked",
    "roll_back_phase",
    "rollback_of",
    "run",
    "set_column_storage",
    "set_not_null",
    "set_table_options",
    "unique",
    "validate",
]
