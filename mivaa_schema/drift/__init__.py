"""Drift: what a database has otherwise than the revisions that were applied to it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from sqlalchemy import exc, text

from mivaa_schema import catalog
from mivaa_schema.catalog import CatalogObject, Properties
from mivaa_schema.drift.ours import (
    SINGLE,
    LedgerMissing,
    LedgerNotReadable,
    NothingToCompare,
    is_created,
    options_of,
    read_state,
    scope_of,
)
from mivaa_schema.errors import MivaaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.engine import Connection

__all__ = [
    "CatalogLocked",
    "Difference",
    "LedgerMissing",
    "LedgerNotReadable",
    "NothingToCompare",
    "find",
]

LOCK_TIMEOUT = "2s"
_LOCK_NOT_AVAILABLE = "55P03"
MISSING = "missing"
GRANTEES = ("owner", "public", "anon", "authenticated", "service_role", "supabase_auth_admin")
"""Whose privileges are compared; a platform's other roles are its own affair."""

VECTOR = CatalogObject("extension", "vector")


class CatalogLocked(MivaaError):
    """The catalog could not be read: a lock was not granted within {seconds}. Held by: {holders}.
    Nothing was changed. Try again when that transaction is over.
    """


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

    def __str__(self) -> str:
        if self.property == MISSING:
            return f"{self.object}: missing"
        label = _LABELS.get(self.property, self.property)
        found, expected, line = _first_difference(self.found or "", self.expected or "")
        where = f" in line {line}" if line else ""
        return f"{self.object}: {label}{where} is {found}, expected {expected}"

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
}
_LONGEST = 100


def _first_difference(found: str, expected: str) -> tuple[str, str, int | None]:
    """Both texts, or the first line in which they differ and its number."""
    line = None
    if "\n" in found or "\n" in expected:
        pairs = zip_longest(found.splitlines(), expected.splitlines(), fillvalue="")
        for number, (found, expected) in enumerate(pairs, 1):
            if found != expected:
                line = number
                break
    short = (
        side if len(side) <= _LONGEST else f"{side[:_LONGEST]}..."
        for side in (found.strip() or "nothing", expected.strip() or "nothing")
    )
    return next(short), next(short), line


def find(connection: Connection) -> list[Difference]:
    """Compare a database with the recorded catalog of the revision that it is at.

    Only SELECTs on catalogs, on ``mivaa.ledger`` and ``mivaa.alembic_version``, in a read-only
    transaction (or a savepoint of the one that is open) that is rolled back at the end. What the
    revisions have not made is not looked at.

    Args:
        connection: As any role that may read those two tables.

    Raises:
        NothingToCompare: If the database has no revision.
        UnknownHead: If it is at a revision that this version does not know.
        LedgerNotReadable: If the role cannot read what is needed.
        CatalogLocked: If another session holds a table under ACCESS EXCLUSIVE.
    """
    with read_only(connection):
        revision, ledger = read_state(connection)
        live = catalog.snapshot(connection)
        facts = connection.execute(text(_FACTS)).mappings().one()
    found = [] if facts["vector"] else [Difference(VECTOR, MISSING)]
    roles = {"owner", "public", *facts["roles"]}
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
                for difference in _compare(item, live[match], expected, roles, is_exact)
                if item not in later
                or live[match][difference.property] != later[item][difference.property]
            ]
    return found


@contextmanager
def read_only(connection: Connection) -> Iterator[None]:
    """A read-only transaction, or savepoint, that waits for no lock for long."""
    is_joined = connection.in_transaction()
    transaction = connection.begin_nested() if is_joined else connection.begin()
    try:
        connection.exec_driver_sql("set transaction read only")
        connection.exec_driver_sql(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
        yield
    except exc.DBAPIError as error:
        if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
            raise
        transaction.rollback()
        holders = "; ".join(connection.execute(text(_HOLDERS)).scalars()) or "nobody any more"
        if not is_joined:
            connection.rollback()
        raise CatalogLocked(seconds=LOCK_TIMEOUT, holders=holders) from error
    finally:
        if transaction.is_active:
            transaction.rollback()


def _signature(item: CatalogObject, properties: Mapping[str, str | None]) -> tuple[str, str | None]:
    """What PostgreSQL tells functions apart by: name and types, not the names of arguments."""
    return f"{item.kind} {item.table} {item.name.partition('(')[0]}", properties.get("types")


def _compare(
    item: CatalogObject, live: Properties, expected: Properties, roles: set[str], is_exact: bool
) -> Iterator[Difference]:
    for name, wanted in expected.items():
        found = live.get(name)
        if name == "acl":
            found, wanted = _compared_grants(item, found, wanted, roles, is_exact)
        elif name == "options" and not is_exact:
            ours = options_of(wanted)
            pairs = (f"{o}={v}" for o, v in options_of(found).items() if o in ours)
            found = ", ".join(pairs) or None
        elif name == "definition" and live.get("signature") != expected.get("signature"):
            continue
        is_same = found == wanted if is_exact else _without_casts(found) == _without_casts(wanted)
        if not is_same:
            yield Difference(item, name, found, wanted)


def _compared_grants(
    item: CatalogObject, found: str | None, wanted: str | None, roles: set[str], is_exact: bool
) -> tuple[str | None, str | None]:
    """Those privileges of which one side has others than the other."""
    sides = grants_of(found), grants_of(wanted)
    differing = [
        role
        for role in GRANTEES
        if role in roles
        and (is_exact or role not in ("owner", "supabase_auth_admin"))
        and set(sides[0].get(role, ())) != set(sides[1].get(role, ()))
    ]
    if not differing:
        return None, None
    first, second = (
        "; ".join(f"{', '.join(side.get(role, ['nothing']))} to {role}" for role in differing)
        for side in sides
    )
    return first, second


def grants_of(acl: str | None) -> dict[str, list[str]]:
    """The privileges of each grantee, in the order in which the grantees have come."""
    found: dict[str, list[str]] = {}
    for entry in filter(None, (acl or "").split(", ")):
        grantee, _, privilege = entry.rpartition("=")
        found.setdefault(grantee, []).append(privilege)
    return found


def _without_casts(definition: str | None) -> str | None:
    """A definition as it reads on columns of other text types, which PostgreSQL casts."""
    if definition is None:
        return None
    return re.sub(r"::(?:text|character varying(?:\(\d+\))?)(?:\[\])?|[()]", "", definition)


_FACTS = """
select exists (select from pg_catalog.pg_extension where extname = 'vector') as vector,
  array(select rolname::text from pg_catalog.pg_roles) as roles
"""

_HOLDERS = """
select format('process %s (%s) on %s', l.pid,
  coalesce(nullif(a.application_name, ''), 'no application name'), l.relation::regclass)
from pg_catalog.pg_locks l left join pg_catalog.pg_stat_activity a using (pid)
where l.granted and l.mode = 'AccessExclusiveLock' and l.relation is not null
  and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
order by l.pid limit 5
"""
