"""Operations that revisions may use for ever; they never change their meaning.

A revision reads nothing of the current models or SQL files; these operations are what it rests on.
Each returns the statements that it stands for, and what it does to the schema; ``run()``, or a
batch, sends them. The statements are the same online, offline and in a rollback, so every decision
that depends on the database is taken by the database, in an anonymous block.

What stands on a table is described first: ``column()``, ``index()``, ``check()``, ``foreign_key()``
and so on give an object of the schema, which ``adopt()``, ``release()`` and the others take. What
a file creates, a function, trigger or policy, is given by ``FrozenSQL``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import groupby
from typing import Any

from mivaa_schema.operations.batch import (
    Operation,
    SchemaObject,
    analyze,
    locked,
    resumable,
    run,
)
from mivaa_schema.operations.columns import (
    adopt_columns,
    change_column,
    column,
    drop_columns,
    fill_column,
    release_columns,
    reset_storage,
    restore_column,
    set_not_null,
    set_storage,
    storage,
)
from mivaa_schema.operations.constraints import (
    adopt_constraint,
    check,
    exclusion,
    foreign_key,
    not_null,
    one_of,
    release_constraint,
    restore_constraint,
    unique,
    validate_constraint,
)
from mivaa_schema.operations.entities import (
    FrozenSQL,
    SqlFile,
    create_functions,
    create_policies,
    create_triggers,
    drop_files,
    listed,
    replace_functions,
    unlisted,
)
from mivaa_schema.operations.indexes import adopt_index, index, release_index, restore_index
from mivaa_schema.operations.tables import (
    adopt_table,
    close_table,
    comment_on_table,
    option,
    release_table,
    reopen_table,
    reset_option,
    set_option,
)

__all__ = [
    "FrozenSQL",
    "Operation",
    "adopt",
    "adopt_table",
    "analyze",
    "change_column",
    "check",
    "close_table",
    "column",
    "comment_on_table",
    "create",
    "drop",
    "exclusion",
    "fill_column",
    "foreign_key",
    "index",
    "listed",
    "locked",
    "not_null",
    "one_of",
    "option",
    "release",
    "release_table",
    "reopen_table",
    "replace",
    "restore",
    "resumable",
    "run",
    "set_not_null",
    "storage",
    "unique",
    "unlisted",
    "validate",
]

Handlers = dict[str, Callable[..., Operation]]

CONSTRAINTS = ("foreign_key", "check", "unique", "exclusion")


def adopt(*targets: SchemaObject, must_hold: bool = False) -> Operation:
    """Create what is not there, and record that; what is there stays as it is.

    - Columns are added, each nullable or with a constant default, so that no row is rewritten.
    - An index is built concurrently, and a unique constraint gets its index so; both only inside of
      :func:`resumable`. An index of the name with another definition stops the upgrade.
    - A foreign key or check holds for new rows at once; :func:`validate` looks at the old ones.
      With ``must_hold``, rows that do not meet a check stop the revision on a table that the chain
      created; elsewhere, and without it, the check is left off with a warning.
    - A storage parameter is set unless somebody has set it; the storage of a column is set, and
      how it was is recorded.
    """
    adopting = partial(adopt_constraint, must_hold=must_hold)
    handlers = {**_ADOPT, **dict.fromkeys(CONSTRAINTS, _each(adopting))}
    return _together(handlers, targets)


def release(*targets: SchemaObject) -> Operation:
    """Undo :func:`adopt`, last one first: drop or reset what the chain created or set."""
    return _together(_RELEASE, reversed(targets))


def restore(*targets: SqlFile | SchemaObject) -> Operation:
    """Create again, in a transaction, what :func:`release` or :func:`drop` has dropped.

    Plainly, so that a rollback can do it too: while an index is built, or the rows of a constraint
    are looked at, writers of the table wait. A column comes back without its values.
    """
    return _together(_RESTORE, targets)


def validate(*targets: SchemaObject, must_hold: bool = False) -> Operation:
    """Validate foreign keys and checks that :func:`adopt` added; only inside of :func:`resumable`.

    Rows that do not meet one block nothing: a foreign key stays NOT VALID, since old rows can be
    updated under it, and a check is dropped again. With ``must_hold``, those of a table that the
    chain created stop the revision.
    """
    return _combined(validate_constraint(target, must_hold=must_hold) for target in targets)


def create(*files: SqlFile, again: bool = False) -> Operation:
    """Create functions, triggers and policies, in the order given.

    A function is executable by its owner alone until it is granted. With ``again``, an interrupted
    run may have created the functions already.
    """
    return _together({**_CREATE, "function": partial(create_functions, again=again)}, files)


def replace(*files: SqlFile) -> Operation:
    """Put other definitions in the place of functions and triggers; their privileges stay.

    Raises:
        TypeError: For a policy, which PostgreSQL cannot replace: ``drop()`` and ``create()`` it.
    """
    return _together(_REPLACE, files)


def drop(*targets: SqlFile | SchemaObject) -> Operation:
    """Drop functions, triggers and policies, or columns with their values; last one first.

    PostgreSQL drops their grants and comments too; what is created again needs them again. A column
    that an adopted platform brought along stays.
    """
    return _together(_DROP, reversed(targets))


def _each(handler: Callable[[SchemaObject], Operation]) -> Callable[..., Operation]:
    return lambda *targets: _combined(map(handler, targets))


_ADOPT: Handlers = {
    "column": adopt_columns,
    "index": _each(adopt_index),
    "storage": _each(set_storage),
    "option": _each(set_option),
}
_RELEASE: Handlers = {
    "column": release_columns,
    "index": _each(release_index),
    **dict.fromkeys(CONSTRAINTS, _each(release_constraint)),
    "storage": _each(reset_storage),
    "option": _each(reset_option),
}
_CREATE: Handlers = {
    "function": create_functions,
    "trigger": create_triggers,
    "policy": create_policies,
}
_RESTORE: Handlers = {
    **_ADOPT,
    **_CREATE,
    "column": _each(restore_column),
    "index": _each(restore_index),
    **dict.fromkeys(CONSTRAINTS, _each(restore_constraint)),
}
_REPLACE: Handlers = {"function": replace_functions, "trigger": create_triggers}
_DROP: Handlers = {
    "column": drop_columns,
    **dict.fromkeys(("function", "trigger", "policy"), drop_files),
}


def _together(handlers: Handlers, targets: Iterable[Any]) -> Operation:
    """One operation of what the handlers of the kinds give; neighbours of one kind go together."""
    groups = groupby(targets, key=lambda o: o.kind if isinstance(o, SqlFile) else o["kind"])
    found = []
    for kind, group in groups:
        if kind not in handlers:
            message = f"it takes {', '.join(handlers)}, and no {kind}"
            raise TypeError(message)
        found.append(handlers[kind](*group))
    return _combined(found)


def _combined(operations: Iterable[Operation]) -> Operation:
    parts = list(operations)
    return Operation(
        *(
            tuple(one for part in parts for one in getattr(part, name))
            for name in ("statements", "creates", "drops", "cleanup")
        )
    )
