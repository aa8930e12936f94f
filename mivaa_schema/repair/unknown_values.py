"""Statuses and roles that are none of ours; which of ours is meant, only their owner knows."""

from __future__ import annotations

from dataclasses import dataclass, field

from mivaa_schema import history
from mivaa_schema.errors import MapRefused
from mivaa_schema.operations.sql import literal, text_array
from mivaa_schema.repair.base import Options, RowRepair, Step

MEMBERS = "public.workspace_members"
TRACKING = "public.migration_tracking"


@dataclass(frozen=True, slots=True)
class Mapping(RowRepair):
    """A repair by ``--map``, of columns that hold one of a closed set of values.

    Attributes:
        known: The values of each column, ``public.documents.status``.
    """

    takes: frozenset[str] = frozenset({"workspace", "map"})
    known: dict[str, list[str]] = field(default_factory=dict)

    def check(self, options: Options) -> None:
        """Refuse what fits none of the columns.

        Raises:
            MapRefused: A new value is none of ours, or an old one is.
        """
        for old, new in options.mapping.items():
            if not any(new in values and old not in values for values in self.known.values()):
                columns = "; ".join(
                    f"{column} knows {', '.join(values)}" for column, values in self.known.items()
                )
                raise MapRefused(pair=f"{old}={new}", repair=self.name, columns=columns)


def _step(table: str, column: str, known: list[str]) -> Step:
    is_unknown = f"(t.{column}::text = any ({text_array(known)})) is not true"
    new = f"(cast(:map as jsonb) ->> coalesce(t.{column}::text, ''))"
    ask = literal(f" is none of ours: --map %s=... maps it to one of {', '.join(known)}")
    return Step(
        table=table,
        faults=f"""
select t.id, t.workspace_id as workspace,
  case when ({new} = any ({text_array(known)})) is not true
    then {literal(column + " ")} || coalesce(quote_literal(t.{column}::text), 'null')
      || format({ask}, coalesce(t.{column}::text, '')) end as reason
from {table} t
where {is_unknown}""",
        change=f"""
update {table} t set {column} = {new}
from fault f where t.id = f.id and {is_unknown}""",
    )


def _repair(name: str, what: str, columns: list[tuple[str, str, list[str]]]) -> Mapping:
    return Mapping(
        name=name,
        what=what,
        steps=tuple(_step(*column) for column in columns),
        known={f"{table}.{column}": known for table, column, known in columns},
    )


_CHECKS = [
    (one["table"], one["column"], one["allowed"])
    for one in history.objects("check")
    if one.get("allowed")
]

# Apart from each other: who maps a status of documents must not make anybody an active member.
REPAIRS = (
    _repair(
        "unknown-statuses",
        "maps statuses that are none of ours, by --map old=new",
        [check for check in _CHECKS if check[0] not in (MEMBERS, TRACKING)],
    ),
    _repair(
        "unknown-roles",
        "maps roles that are none of ours and give no right so far, by --map old=new",
        [check for check in _CHECKS if check[:2] == (MEMBERS, "role")],
    ),
    _repair(
        "unknown-member-statuses",
        "maps statuses of memberships that are none of ours and count as not active, by --map"
        " old=new",
        [check for check in _CHECKS if check[:2] == (MEMBERS, "status")],
    ),
)
