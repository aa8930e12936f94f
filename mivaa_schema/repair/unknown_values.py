"""Statuses and roles that are unknown; only their owner knows which known value is meant."""

from __future__ import annotations

from dataclasses import dataclass, field

from mivaa_schema import history
from mivaa_schema.operations.sql import literal, text_array
from mivaa_schema.repair.base import Options, RowRepair, TableRepair
from mivaa_schema.repair.errors import MapRefused

MEMBERS = "public.workspace_members"


@dataclass(frozen=True, slots=True)
class Mapping(RowRepair):
    """A repair by ``--map``, of columns that hold one of a closed set of values.

    Attributes:
        known: The values of each column, ``public.documents.status``.
    """

    accepts: frozenset[str] = frozenset({"workspace", "map"})
    known: dict[str, list[str]] = field(default_factory=dict)

    def check(self, options: Options) -> None:
        """Refuse a mapping that fits none of the columns.

        Raises:
            MapRefused: No column knows the new value, or the old one is known to it.
        """
        for old, new in options.mapping.items():
            if not any(new in values and old not in values for values in self.known.values()):
                columns = "; ".join(
                    f"{column} knows {', '.join(values)}" for column, values in self.known.items()
                )
                raise MapRefused(pair=f"{old}={new}", repair=self.name, columns=columns)


def _table_repair(table: str, column: str, known: list[str]) -> TableRepair:
    is_unknown = f"(t.{column}::text = any ({text_array(known)})) is not true"
    new = f"(cast(:map as jsonb) ->> coalesce(t.{column}::text, ''))"
    ask = literal(f" is unknown: --map %s=... maps it to one of {', '.join(known)}")
    return TableRepair(
        table=table,
        invalid=f"""
select t.id, t.workspace_id as workspace,
  case when ({new} = any ({text_array(known)})) is not true
    then {literal(column + " ")} || coalesce(quote_literal(t.{column}::text), 'null')
      || format({ask}, coalesce(t.{column}::text, '')) end as reason
from {table} t
where {is_unknown}""",
        statement=f"""
update {table} t set {column} = {new}
from invalid i where t.id = i.id and {is_unknown}""",
    )


def _repair(name: str, what: str, columns: list[tuple[str, str, list[str]]]) -> Mapping:
    return Mapping(
        name=name,
        description=what,
        tables=tuple(_table_repair(*column) for column in columns),
        known={f"{table}.{column}": known for table, column, known in columns},
    )


_WITH_WORKSPACE = {
    one["table"] for one in history.objects("column") if one["name"] == "workspace_id"
}
_CHECKS = [
    (one["table"], one["column"], one["allowed"])
    for one in history.objects("check")
    if one.get("allowed") and one["table"] in _WITH_WORKSPACE
]

# Separate repairs: who maps a status of documents must not make anybody an active member.
REPAIRS = (
    _repair(
        "unknown-statuses",
        "maps unknown statuses, by --map old=new",
        [check for check in _CHECKS if check[0] != MEMBERS],
    ),
    _repair(
        "unknown-roles",
        "maps unknown roles, which give no right, by --map old=new",
        [check for check in _CHECKS if check[:2] == (MEMBERS, "role")],
    ),
    _repair(
        "unknown-member-statuses",
        "maps unknown statuses of memberships, which count as not active, by --map old=new",
        [check for check in _CHECKS if check[:2] == (MEMBERS, "status")],
    ),
)
