"""Policies as PostgreSQL combines them, for a prover that looks at permissive ones first.

pgrls proves a permissive policy by itself, and adds restrictive ones only where that policy alone
lets other tenants in for certain. Ours say nothing about tenants: restrictive ones do, for every
role. PostgreSQL lets a row through that meets a permissive policy and all restrictive ones. So what
is proven of the restrictive conditions alone, which let more through, holds for the combination.
"""

from __future__ import annotations

from tools.audit.database import Audited

# A condition for new rows is that for old ones, where a policy has no other. Where no restrictive
# policy binds everybody, what the permissive ones say is all that there is.
_COMBINED = """
with commands (letter, command) as (
  values ('r'::"char", 'select'), ('a', 'insert'), ('w', 'update'), ('d', 'delete')
), policies as (
  select p.polrelid, c.letter, c.command, p.polpermissive,
    not p.polpermissive and p.polroles = array[0::oid] as binds_everybody,
    pg_get_expr(p.polqual, p.polrelid) as old_rows,
    coalesce(
      pg_get_expr(p.polwithcheck, p.polrelid), pg_get_expr(p.polqual, p.polrelid)
    ) as new_rows
  from pg_policy p join commands c on p.polcmd in ('*', c.letter)
  where p.polrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
), combined as (
  select p.polrelid, p.command,
    coalesce(
      string_agg(p.old_rows, ' and ') filter (where p.binds_everybody),
      string_agg('(' || p.old_rows || ')', ' or ') filter (where p.polpermissive)
    ) as old_rows,
    coalesce(
      string_agg(p.new_rows, ' and ') filter (where p.binds_everybody),
      string_agg('(' || p.new_rows || ')', ' or ') filter (where p.polpermissive)
    ) as new_rows
  from policies p
  group by p.polrelid, p.command
  -- What no permissive policy lets through, nobody reaches.
  having bool_or(p.polpermissive)
)
select format('create policy combined_%s on %s as permissive for %s to authenticated', c.command,
  c.polrelid::regclass, c.command)
  || case when c.command <> 'insert' then format(' using (%s)', c.old_rows) else '' end
  || case when c.command in ('insert', 'update')
    then format(' with check (%s)', c.new_rows) else '' end
from combined c
"""

_FORMER = """
select format('drop policy %I on %s', p.polname, p.polrelid::regclass)
from pg_policy p join pg_class c on c.oid = p.polrelid
where c.relnamespace = 'public'::regnamespace
"""


def compose(copy: Audited) -> None:
    """Replace the policies of a copy: one a command, permissive, with what binds everybody."""
    with copy.engine.begin() as connection:
        run = {"no_parameters": True}
        connection.exec_driver_sql("set local search_path = pg_catalog")
        statements = [
            statement
            for query in (_COMBINED, _FORMER)
            for (statement,) in connection.exec_driver_sql(query, execution_options=run).all()
        ]
        for statement in statements:
            connection.exec_driver_sql(statement, execution_options=run)
