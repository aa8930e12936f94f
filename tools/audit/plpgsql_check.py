"""plpgsql_check: reads the body of each PL/pgSQL function, with all of its warnings."""

from __future__ import annotations

from tools.audit.database import Audited
from tools.audit.findings import Finding
from tools.audit.installed import AbsentError

_SCHEMA = """
select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace
where e.extname = 'plpgsql_check'
"""

# A function of a trigger is checked with each table that has it.
_QUERY = """
select p.oid::regprocedure::text || coalesce(' on ' || t.tgrelid::regclass::text, ''),
  c.level, concat_ws(': ', 'line ' || c.lineno, c.message, c.detail)
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
left join lateral (
  select distinct t.tgrelid from pg_trigger t where t.tgfoid = p.oid and not t.tgisinternal
) t on true
cross join lateral {schema}.plpgsql_check_function_tb(
  p.oid, coalesce(t.tgrelid, 0), fatal_errors => false, other_warnings => true,
  extra_warnings => true, performance_warnings => true, security_warnings => true,
  compatibility_warnings => true
) c
where n.nspname = any (%(schemas)s) and l.lanname = 'plpgsql' and not exists (
  select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
  and d.deptype = 'e'
)
"""


def run(audited: Audited) -> list[Finding]:
    """What it finds in our functions.

    Raises:
        AbsentError: The database does not have the extension.
    """
    with audited.engine.begin() as connection:
        connection.exec_driver_sql("set local search_path = pg_catalog")
        schema = connection.exec_driver_sql(_SCHEMA).scalar_one_or_none()
        if schema is None:
            raise AbsentError("the database does not have the extension")
        query = _QUERY.format(schema=schema)
        found = connection.exec_driver_sql(query, {"schemas": list(audited.schemas)})
        return [Finding("plpgsql_check", level, name, text) for name, level, text in found]
