"""Columns that name rows of another table, some of which do not exist."""

from __future__ import annotations

from collections.abc import Sequence

from mivaa_schema.repair.base import TableRepair, takes_no_null


def is_dangling(table: str, column: str, target: str) -> str:
    """A condition on a row ``t``: the column names a row of the target that does not exist.

    A column with a foreign key of the platform's to another table names rows of that table.
    """
    return f"""t.{column} is not null
  and not exists (select from {target} u where u.id = t.{column})
  and not exists (
    select from pg_catalog.pg_constraint c
    join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and c.conkey = array[a.attnum]
    where c.contype = 'f' and c.conrelid = '{table}'::regclass and a.attname = '{column}'
      and c.confrelid <> '{target}'::regclass
  )"""


def all_dangling(columns: Sequence[tuple[str, str]], target: str) -> str:
    """A lookup: ``is_lost`` is true if the columns name rows of the target and none of them exists.

    Then the rows of the target are lost, and the references are right.
    """
    named = " union all ".join(
        f"select {column} as id from {table} where {column} is not null"
        for table, column in columns
    )
    return f"""
select exists (select from ({named}) r)
  and not exists (select from ({named}) r join {target} u on u.id = r.id) as is_lost"""


def set_null(
    table: str, column: str, target: str, lookup: str, *, workspace: str = "t.workspace_id"
) -> TableRepair:
    """Set the column to null in rows where it names a row that does not exist."""
    return TableRepair(
        table=table,
        lookup=lookup,
        invalid=f"""
select t.id, {workspace} as workspace,
  case when cast(:is_lost as boolean)
    then '{column} names a missing row everywhere: restore the rows of {target} first'
    else {takes_no_null(table, column)} end as reason
from {table} t
where {is_dangling(table, column, target)}""",
        statement=f"""
update {table} t set {column} = null
from invalid i where t.id = i.id and {is_dangling(table, column, target)}""",
    )
