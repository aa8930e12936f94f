"""Whose privileges are compared, and what is open beside the objects of the revisions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from mivaa_schema.catalog import CatalogObject
from mivaa_schema.errors import printable_sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

GRANTEES = ("owner", "public", "anon", "authenticated", "service_role", "supabase_auth_admin")
"""The roles that the revisions grant something to, or take everything from."""

_READS = {"schema": {"USAGE"}, "table": {"SELECT"}}
"""What a role needs to look for drift; anybody may be given that on the records of the chain."""


@dataclass(frozen=True, slots=True)
class Grantees:
    """The roles of a database whose privileges are compared, as the catalog quotes their names.

    Attributes:
        known: Those of ``GRANTEES`` that are there.
        others: Roles of the platform's own, but for superusers, members of the tables' owner, and
            roles with BYPASSRLS, which may see everything anyway.
        former: The privileges on a table before the upgrade, by its name. A role that had some is
            the platform's own affair there.
    """

    known: list[str]
    others: list[str]
    former: Mapping[str, str]

    def of(self, item: CatalogObject) -> list[str]:
        """The roles whose privileges on an object are compared."""
        before = re.sub(r"[\\\"]", "", self.former.get(item.table or item.name, ""))
        names = [(role, re.escape(role.replace('"', ""))) for role in self.others]
        return self.known + [
            role for role, name in names if not re.search(rf"(?:^|[{{,]){name}=", before)
        ]

    def differing(
        self, item: CatalogObject, found: str | None, expected: str | None, is_exact: bool
    ) -> tuple[str | None, ...]:
        """Those privileges of which one side has others than the other.

        Args:
            item: The object that they are on.
            found: All privileges on it, as the catalog lists them.
            expected: Those that the revisions granted.
            is_exact: Whether the revisions created it, so that it has the owner's privileges, too.
        """
        sides = grants_of(found), grants_of(expected)
        is_record = item.name == "mivaa" or item.name.startswith("mivaa.")
        differing = []
        for role in self.of(item):
            had, wanted = (set(side.get(role, ())) for side in sides)
            if role in self.others and is_record:
                had -= _READS.get(item.kind, set())
            if not is_exact and role in ("owner", "supabase_auth_admin"):
                continue
            if had != wanted:
                differing.append(role)
        return tuple(
            "; ".join(
                f"{', '.join(side.get(role, ['nothing']))} to {printable_sql(role)}"
                for role in differing
            )
            or None
            for side in sides
        )


def read_grantees(connection: Connection) -> Grantees:
    """The roles of a database whose privileges are compared; reads catalogs and the ledger."""
    roles = connection.execute(text(_ROLES), {"known": list(GRANTEES)}).all()
    names = {role for role, _ in roles} | {"owner", "public"}
    rows = connection.exec_driver_sql(
        "select object_name, former from mivaa.ledger where kind = 'acl' and former is not null"
    )
    return Grantees(
        [role for role in GRANTEES if role in names],
        [role for role, is_other in roles if is_other],
        {name: str(former) for name, former in rows},
    )


def open_doors(connection: Connection) -> list[tuple[CatalogObject, str, str, str]]:
    """What else lets a role past the policies: object, property, found and expected.

    The privilege CREATE where upgrades search for names; roles of users that no policy binds, or
    that are members of such a role; privileges on Alembic's own table, which no catalog of a
    revision has.
    """
    sql = (Path(__file__).parent / "open_doors.sql").read_text(encoding="utf-8")
    rows = connection.exec_driver_sql(sql)
    return [
        (CatalogObject(kind, name), of, printable_sql(found), expected)
        for kind, name, of, found, expected in rows
    ]


def grants_of(acl: str | None) -> dict[str, list[str]]:
    """The privileges of each grantee, in the order in which the grantees have come."""
    found: dict[str, list[str]] = {}
    for grantee, privilege in _GRANT.findall(acl or ""):
        found.setdefault(grantee, []).append(privilege)
    return found


_GRANT = re.compile(r'("(?:[^"]|"")*"|[^",= ]+)=([A-Z]+\*?)')

_ROLES = """
select r.oid::pg_catalog.regrole::text, not (r.rolsuper or r.rolbypassrls
    or r.rolname like 'pg\\_%' or r.rolname = any (:known)
    or pg_has_role(r.oid, n.nspowner, 'usage'))
from pg_catalog.pg_roles r cross join pg_catalog.pg_namespace n where n.nspname = 'mivaa'
order by 1
"""
