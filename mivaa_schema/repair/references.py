"""Columns that name rows of another table, some of which do not exist."""

from __future__ import annotations

from collections.abc import Sequence

from mivaa_schema.repair.base import Step, takes_no_null


def leads_nowhere(table: str, column: str, target: str) -> str:
    """A condition on a row ``t``: the column names a row of the target that does not exist.

    A column that a key of the platform's leads elsewhere names rows of that other table.
    """
    return f"""t.{column} is not null
  and not exists (select from {target} u where u.id = t.{column})
  and not exists (
    select from pg_catalog.pg_constraint c
    join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and c.conkey = array[a.attnum]
    where c.contype = 'f' and c.conrelid = '{table}'::regclass and a.attname = '{column}'
      and c.confrelid <> '{target}'::regclass
  )"""


def any_leads_somewhere(columns: Sequence[tuple[str, str]], target: str) -> str:
    """Facts: ``is_lost`` says that the columns name rows of the target, and not one exists.

    Then it is not the references that are wrong.
    """
    named = " union all ".join(
        f"select {column} as id from {table} where {column} is not null"
        for table, column in columns
    )
    return f"""
select exists (select from ({named}) r)
  and not exists (select from ({named}) r join {target} u on u.id = r.id) as is_lost"""


def set_null(
    table: str, column: str, target: str, facts: str, *, workspace: str = "t.workspace_id"
) -> Step:
    """A step that empties the column in rows where it leads nowhere."""
    return Step(
        table=table,
        facts=facts,
        faults=f"""
select t.id, {workspace} as workspace,
  case when cast(:is_lost as boolean)
    then '{column} leads nowhere in every row: restore the rows of {target} first'
    else {takes_no_null(table, column)} end as reason
from {table} t
where {leads_nowhere(table, column, target)}""",
        change=f"""
update {table} t set {column} = null
from fault f where t.id = f.id and {leads_nowhere(table, column, target)}""",
    )
