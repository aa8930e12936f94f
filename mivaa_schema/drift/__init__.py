"""Drift: what a database has otherwise than the revisions that were applied to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from mivaa_schema import catalog
from mivaa_schema.catalog import CatalogObject, Properties
from mivaa_schema.database import rolled_back
from mivaa_schema.drift.grantees import Grantees, other_access, read_grantees
from mivaa_schema.drift.scope import (
    SINGLE,
    LedgerMissing,
    LedgerNotReadable,
    NothingToCompare,
    is_created,
    options_of,
    read_state,
    scope_of,
)
from mivaa_schema.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

__all__ = ["Difference", "LedgerMissing", "LedgerNotReadable", "NothingToCompare", "find"]

MISSING = "missing"
VECTOR = CatalogObject("extension", "vector")


@dataclass(frozen=True, slots=True)
class Difference:
    """One property in which an object differs from what the revisions made.

    Attributes:
        object: What differs.
        property: Which property, or ``missing`` where the object is not there at all.
        found: What the database has; None is nothing.
        expected: What the revisions made.
    """

    object: CatalogObject
    property: str
    found: str | None = None
    expected: str | None = None

    def detail(self) -> str:
        """What differs, without the object: of long texts, the first line in which they do."""
        if self.property == MISSING:
            return MISSING
        found, expected, where = self.found or "", self.expected or "", ""
        if "\n" in found or "\n" in expected:
            pairs = zip_longest(found.splitlines(), expected.splitlines(), fillvalue="")
            numbered = ((n, pair) for n, pair in enumerate(pairs, 1) if pair[0] != pair[1])
            line, (found, expected) = next(numbered, (0, (found, expected)))
            where = f" in line {line}"
        if max(len(found), len(expected)) > 100:
            letters = zip(found, expected, strict=False)
            first = next((n for n, two in enumerate(letters) if len({*two}) > 1), 0)
            # What differs would stand behind what is shown.
            same = first - 40 if first > 80 else 0
            found, expected = (f"...{side[same:]}" if same else side for side in (found, expected))
        label = _LABELS.get(self.property, self.property)
        return f"{label}{where} is {_short(found)}, expected {_short(expected)}"

    def __str__(self) -> str:
        return f"{printable(self.object)}: {self.detail()}"

    def as_json(self) -> dict[str, str | None]:
        """The difference for machines, with both texts whole."""
        return {
            "object": str(self.object),
            "kind": self.object.kind,
            "property": self.property,
            "found": self.found,
            "expected": self.expected,
        }


_LABELS = {
    "acl": "grant",
    "row_security": "row-level security",
    "force_row_security": "forced row-level security",
    "using": "condition (using)",
    "check": "condition (with check)",
    "create": "privilege CREATE",
    "superuser": "SUPERUSER",
    "bypassrls": "BYPASSRLS",
    "createrole": "CREATEROLE",
    "replication": "REPLICATION",
    "runs": "what it executes",
}


def _short(side: str, longest: int = 100) -> str:
    words = side.strip() or "nothing"
    return printable(words) if len(words) <= longest else f"{printable(words[:longest])}..."


def find(connection: Connection) -> list[Difference]:
    """Compare a database with the recorded catalog of the revision that it is at.

    Only SELECTs on catalogs, on ``mivaa.ledger`` and ``mivaa.alembic_version``, in a read-only
    transaction (or a savepoint of the one that is open) that is rolled back at the end. What the
    revisions have not made is not looked at.

    Args:
        connection: As any role that may read those two tables.

    Raises:
        NothingToCompare: The database has no revision.
        UnknownRevision: It is at a revision that this version does not know.
        LedgerMissing, LedgerNotReadable: What is needed cannot be read.
        TableLocked: Another session holds a table under ACCESS EXCLUSIVE.
    """
    with rolled_back(connection):
        revision, ledger = read_state(connection)
        live = catalog.snapshot(connection)
        has_vector = connection.exec_driver_sql(_HAS_VECTOR).scalar_one()
        grantees = read_grantees(connection)
        others = other_access(connection)
    found = [] if has_vector else [Difference(VECTOR, MISSING)]
    found += [Difference(*other) for other in others]
    functions = {_signature(i, properties): i for i, properties in live.items() if not i.table}
    # An upgrade that is in progress, or was interrupted, has changed a part already.
    later = catalog.recorded(max((name for kind, name in ledger if kind == "revision"), default=""))
    for item, (expected, is_required) in scope_of(revision, ledger).items():
        if item.table and CatalogObject("table", item.table) not in live:
            continue
        match = item if item in live else functions.get(_signature(item, expected))
        if match is None:
            found += [Difference(item, MISSING)] * is_required
        else:
            is_exact = item.kind in SINGLE or is_created(item.table or item.name, ledger)
            found += [
                difference
                for difference in _compare(item, live[match], expected, grantees, is_exact)
                if item not in later
                or live[match][difference.property] != later[item][difference.property]
            ]
    return found


def _signature(item: CatalogObject, properties: Properties) -> tuple[str, str | None]:
    """What PostgreSQL tells functions apart by: name and types, not the names of arguments."""
    return f"{item.kind} {item.table} {item.name.partition('(')[0]}", properties.get("types")


def _compare(
    item: CatalogObject,
    live: Properties,
    expected: Properties,
    grantees: Grantees,
    is_exact: bool,
) -> Iterator[Difference]:
    for name, wanted in expected.items():
        found = live.get(name)
        if name == "acl":
            found, wanted = grantees.differing(item, found, wanted, is_exact)
        elif name == "options" and not is_exact:
            ours = options_of(wanted)
            pairs = (f"{o}={v}" for o, v in options_of(found).items() if o in ours)
            found = ", ".join(pairs) or None
        elif name == "definition" and live.get("signature") != expected.get("signature"):
            continue
        is_same = found == wanted if is_exact else _without_casts(found) == _without_casts(wanted)
        if not is_same:
            yield Difference(item, name, found, wanted)


def _without_casts(definition: str | None) -> str | None:
    """A definition as it reads on columns of other text types, which PostgreSQL casts."""
    if definition is None:
        return None
    return re.sub(r"::(?:text|character varying(?:\(\d+\))?)(?:\[\])?|[()]", "", definition)


_HAS_VECTOR = "select exists (select from pg_catalog.pg_extension where extname = 'vector')"
