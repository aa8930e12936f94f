"""What a drafted revision calls for each kind of object, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, field

# How an object is created, and how that is undone.
_CONSTRAINT = ("adopt_constraint({it})", "release_constraint({it})")
_VALIDATED = (
    "adopt_constraint({it}, must_hold=True), validate({it}, must_hold=True)",
    "release_constraint({it})",
)
CALLS = {
    "column": ("adopt_columns({table}, {it})", "release_columns({table}, {name})"),
    "index": ("adopt_index({it})", "release_index({it})"),
    "unique": _CONSTRAINT,
    "exclusion": _CONSTRAINT,
    "check": _VALIDATED,
    "foreign_key": _VALIDATED,
    "storage": (
        "set_column_storage({table}, {name}, {storage})",
        "restore_column_storage({table}, {name})",
    ),
    "option": (
        "set_table_options({table}, {{{name}: {value}}})",
        "reset_table_options({table}, [{name}])",
    ),
    "function": ("create_functions({it})", "drop_functions({it})"),
    "trigger": ("create_triggers({it})", "drop_on_tables({it})"),
    "policy": ("create_policies({it})", "drop_on_tables({it})"),
}

OUTSIDE = ("index", "unique", "exclusion", "check", "foreign_key")
"""Kinds of objects that are created outside of a transaction."""

AGAIN = {
    **dict.fromkeys(OUTSIDE, "restore_constraint({it})"),
    "index": "restore_index({it})",
    "column": "restore_column({it})",
}
"""How a downgrade creates them again: all of it is in one transaction."""

LYING = frozenset(CALLS) - {"function", "option"}
"""Kinds of objects whose change needs a strong lock on their table."""

REPLACED = {"function": "replace_functions({it})", "trigger": "create_triggers({it})"}
"""How a file takes the place of an older one."""

# What happens in which order; a downgrade undoes it in the reverse order. What is quick and can run
# again comes first, then what stands outside of a transaction, then what has to be seen at once.
ORDER = {
    (action, kind): place
    for place, (actions, kinds) in enumerate(
        (
            ("add", "table"),
            ("add", "column"),
            ("add", "generated"),
            ("change", "column table"),
            ("add change", "storage option"),
            ("add_early", "function"),
            # A new key over the columns of an old one would not be added.
            ("drop", "foreign_key"),
            ("fill", "column"),
            *(("add change", kind) for kind in OUTSIDE),
            ("revoke", "list"),
            ("drop", "policy"),
            ("drop", "trigger"),
            ("drop_early", "function"),
            ("add change", "function"),
            ("add change", "trigger"),
            ("add", "policy"),
            ("drop", "function"),
            ("grant", "list"),
            *(("drop", kind) for kind in ("check", "exclusion", "unique", "index")),
            ("drop", "storage option"),
            ("drop", "generated"),
            ("drop", "column"),
            ("drop", "table"),
        )
    )
    for action in actions.split()
    for kind in kinds.split()
}


@dataclass
class Step:
    """Expressions of the upgrade, and those of the downgrade that undo them.

    Attributes:
        place: In the order of the upgrade.
        up: Expressions that give operations; one that begins with ``#`` is a comment.
        down: The same for the downgrade.
        outside: Whether those of the upgrade stand outside of a transaction.
    """

    place: int
    up: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)
    outside: bool = False
