"""Operations that revisions may use for ever; they never change their meaning.

A revision reads nothing of the current models or SQL files; these operations are what it rests on.
Each returns the statements that it stands for, and what it does to the schema; ``run()``, or a
batch, sends them. The statements are the same online, offline and in a rollback, so every decision
that depends on the database is taken by the database, in an anonymous block.
"""

# An import under its own name is exported; sorted, each would be a statement of its own.
# ruff: noqa: I001

from mivaa_schema.operations.access import (
    close_table as close_table,
    reopen_table as reopen_table,
    reset_table_options as reset_table_options,
    restore_column_storage as restore_column_storage,
    set_column_storage as set_column_storage,
    set_table_options as set_table_options,
)
from mivaa_schema.operations.batch import (
    Operation as Operation,
    analyze as analyze,
    locked as locked,
    one_message as one_message,
    resumable as resumable,
    run as run,
)
from mivaa_schema.operations.constraints import (
    adopt_constraint as adopt_constraint,
    adopt_index as adopt_index,
    check as check,
    exclusion as exclusion,
    foreign_key as foreign_key,
    index as index,
    not_null as not_null,
    one_of as one_of,
    release_constraint as release_constraint,
    release_index as release_index,
    restore_constraint as restore_constraint,
    restore_index as restore_index,
    unique as unique,
    validate as validate,
)
from mivaa_schema.operations.entities import (
    FrozenSQL as FrozenSQL,
    create_functions as create_functions,
    create_policies as create_policies,
    create_triggers as create_triggers,
    drop_functions as drop_functions,
    drop_on_tables as drop_on_tables,
    listed as listed,
    replace_functions as replace_functions,
    rollback_of as rollback_of,
    unlisted as unlisted,
)
from mivaa_schema.operations.records import (
    begin_phase as begin_phase,
    complete_phase as complete_phase,
    reopen_phase as reopen_phase,
    roll_back_phase as roll_back_phase,
)
from mivaa_schema.operations.tables import (
    adopt_columns as adopt_columns,
    adopt_table as adopt_table,
    change_column as change_column,
    column as column,
    comment_on_table as comment_on_table,
    drop_columns as drop_columns,
    fill_column as fill_column,
    release_columns as release_columns,
    release_table as release_table,
    set_not_null as set_not_null,
)

__all__ = [name for name, value in list(globals().items()) if callable(value)]
