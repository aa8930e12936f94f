"""In which order a drafted revision does what it does."""

from __future__ import annotations

from dataclasses import dataclass, field

OUTSIDE = ("index", "unique", "exclusion", "check", "foreign_key")
"""Kinds of objects that are created outside of a transaction."""

VALIDATED = ("check", "foreign_key")
"""Kinds of constraints that are added without looking at the rows, and validated afterwards."""

ON_TABLES = (*OUTSIDE, "column", "storage", "trigger", "policy")
"""Kinds of objects whose change needs a strong lock on their table."""

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
            *(("replace", kind) for kind in reversed(OUTSIDE)),
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
