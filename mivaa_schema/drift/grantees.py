"""Whose privileges are compared, and what is open beside the objects of the revisions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from mivaa_schema import history
from mivaa_schema.catalog import CatalogObject
from mivaa_schema.errors import printable_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.engine import Connection

GRANTEES = ("owner", "public", "anon", "authenticated", "service_role", "supabase_auth_admin")
"""The roles that the revisions grant something to, or take everything from."""

_READS = {"schema": {"USAGE"}, "table": {"SELECT"}, "column": {"SELECT"}}
"""What a role needs to look for drift; anybody may be given that on the records of the chain."""

_LETTERS = {
    "a": "INSERT",
    "r": "SELECT",
    "w": "UPDATE",
    "d": "DELETE",
    "D": "TRUNCATE",
    "x": "REFERENCES",
    "t": "TRIGGER",
    "m": "MAINTAIN",
}
"""Privileges on tables, as PostgreSQL abbreviates them."""

_ACL_ITEM = re.compile(r'("(?:[^"]|"")*"|[^=]*)=([a-zA-Z*]*)/')


@dataclass(frozen=True, slots=True)
class Grantees:
    """The roles of a database whose privileges are compared, as the catalog quotes their names.

    Attributes:
        known: Those of ``GRANTEES`` that are there.
        others: Roles of the platform's own, but for superusers and members of the tables' owner.
        trusted: Those of them with BYPASSRLS, which may see everything anyway; compared on the
            records of the chain alone, since who writes those can do more.
        former: What a role was granted on a table, or on a column of it, before the upgrade: by
            names of the table, the column (or nothing) and the role.
    """

    known: list[str]
    others: list[str]
    trusted: list[str]
    former: Mapping[tuple[str, str, str], set[str]]

    def surplus(self, item: CatalogObject, role: str, granted: Iterable[str]) -> list[str]:
        """The privileges of a role of the platform's own that nothing explains."""
        table, column = (item.table, item.name) if item.table else (item.name, "")
        explained = self.former.get((table, column, role), set())
        if _is_record(item):
            explained = explained | _READS.get(item.kind, set())
        elif role in self.trusted:
            return []
        return [one for one in granted if one.rstrip("*") not in explained]

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
        compared = [
            role
            for role in self.known
            if (is_exact or role not in ("owner", "supabase_auth_admin"))
            and set(sides[0].get(role, ())) != set(sides[1].get(role, ()))
        ]
        had, wanted = ({role: side.get(role, []) for role in compared} for side in sides)
        for role in self.others:
            if surplus := self.surplus(item, role, sides[0].get(role, [])):
                had[role], wanted[role] = surplus, []
        return tuple(
            "; ".join(
                f"{', '.join(privileges or ['nothing'])} to {printable_sql(role)}"
                for role, privileges in side.items()
            )
            or None
            for side in (had, wanted)
        )


def _is_record(item: CatalogObject) -> bool:
    """Whether it is private to the chain, or holds what the owner executes."""
    name = item.table or item.name
    return name.startswith("mivaa") or name == "public.migration_tracking"


def read_grantees(connection: Connection) -> Grantees:
    """The roles of a database whose privileges are compared; reads catalogs and the ledger."""
    roles = connection.execute(text(_ROLES), {"known": list(GRANTEES)}).all()
    quoted = {one.name: one.quoted for one in roles}
    former: dict[tuple[str, str, str], set[str]] = {}
    for table, column, acl in connection.exec_driver_sql(_FORMER):
        for entry in acl or ():
            if found := _ACL_ITEM.match(entry):
                name = found[1]
                name = name[1:-1].replace('""', '"') if name.startswith('"') else name
                letters = {_LETTERS[one] for one in found[2] if one in _LETTERS}
                former.setdefault((table, column, quoted.get(name, name)), set()).update(letters)
    return Grantees(
        [role for role in GRANTEES if role in {*quoted, "owner", "public"}],
        [one.quoted for one in roles if one.is_other],
        [one.quoted for one in roles if one.is_other and one.is_trusted],
        former,
    )


def other_access(connection: Connection) -> list[tuple[CatalogObject, str, str, str]]:
    """What else lets a role past the policies: object, property, found and expected.

    The privilege CREATE where upgrades search for names; roles of users that no policy binds, or
    that are members of such a role; owners of what is ours; triggers of others, which run as
    whoever writes; privileges on Alembic's own table, which no catalog of a revision has.
    """
    sql = (Path(__file__).parent / "other_access.sql").read_text(encoding="utf-8")
    tables = [one["name"] for one in history.objects("table")]
    names = {"tables": [*tables, "mivaa.ledger", "mivaa.alembic_version"]}
    return [
        (CatalogObject(kind, name, table), of, printable_sql(found), expected)
        for kind, name, table, of, found, expected in connection.execute(text(sql), names)
    ]


def grants_of(acl: str | None) -> dict[str, list[str]]:
    """The privileges of each grantee, in the order in which the grantees have come."""
    found: dict[str, list[str]] = {}
    for grantee, privilege in _GRANT.findall(acl or ""):
        found.setdefault(grantee, []).append(privilege)
    return found


_GRANT = re.compile(r'("(?:[^"]|"")*"|[^",= ]+)=([A-Z]+\*?)')

_ROLES = """
select r.rolname::text as name, r.oid::pg_catalog.regrole::text as quoted,
  r.rolbypassrls as is_trusted,
  not (r.rolsuper or r.rolname like 'pg\\_%' or r.rolname = any (:known)
    or pg_has_role(r.oid, n.nspowner, 'member')) as is_other
from pg_catalog.pg_roles r cross join pg_catalog.pg_namespace n where n.nspname = 'mivaa'
order by 2
"""

_FORMER = """
select l.object_name, c.name, c.acl::text[]
from mivaa.ledger l
cross join lateral (
  select '', l.former::jsonb ->> 'relation'
  union all
  select quote_ident(key), value
  from jsonb_each_text(coalesce(nullif(l.former::jsonb -> 'columns', 'null'), '{}'))
) c (name, acl)
where l.kind = 'acl' and l.former is not null
"""
