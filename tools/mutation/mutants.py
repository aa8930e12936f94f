"""Every way to take one piece of protection away from a database, read from its catalogs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection

from tools.mutation.conditions import of_expression, of_function, of_trigger


@dataclass(frozen=True)
class Mutant:
    """A database that lacks something.

    Attributes:
        name: The object, and what it lacks; the same in every run.
        sql: What takes it away, executed by a superuser.
        subject: Bare name of the function whose body is changed; empty where it is another thing.
    """

    name: str
    sql: str
    subject: str = ""

    def __str__(self) -> str:
        return self.name


NOT_ABOUT_ACCESS = {
    "touch_updated_at": "keeps a time",
    "keep_updated_at": "keeps a time",
    "complete_embedding_status": "keeps a status",
    "reset_embedding_status": "keeps a status",
    "lock_tables": "bounds the waits of an upgrade",
    "table_health": "reads catalogs that everybody reads",
    "platform_statements": "reads a view with the rights of its caller",
    "probe_workspace": "measures with the rights of its caller",
    "refresh_statistics": "chooses when to ANALYZE",
    "mark_migration_complete": "is the owner's alone",
    "rollback_migration_phase": "is the owner's alone",
    "check_indexes": "reads catalogs that everybody reads",
}
"""Functions whose conditions are left alone, with the reason: nobody sees more without one.
What they ask others about who may, who may call them, and with whose rights they work, is changed
like any other's.
"""

_RELATIONS = """
select c.oid, format('%I.%I', n.nspname, c.relname) as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'mivaa') and c.relkind in ('r', 'p')
"""

_FUNCTIONS = """
select p.oid, p.proname, p.prosrc, p.prosecdef, p.proconfig, p.proacl, p.proowner, l.lanname,
  format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) as name
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where n.nspname in ('public', 'mivaa') and not exists (
  select from pg_depend d
  where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
)
"""

_ROLES = "(values ('public'), ('anon'), ('authenticated'), ('service_role')) as roles (role)"


def all_mutants(connection: Connection) -> list[Mutant]:
    """One mutant for each piece of protection that there is.

    Args:
        connection: To a database at head.
    """
    found = [
        *_row_security(connection),
        *_policies(connection),
        *_triggers(connection),
        *_foreign_keys(connection),
        *_table_privileges(connection),
        *_schema_privileges(connection),
        *_function_privileges(connection),
        *_function_properties(connection),
        *_function_bodies(connection),
    ]
    times: Counter[str] = Counter()
    numbered = []
    for mutant in found:
        times[mutant.name] += 1
        number = f" ({times[mutant.name]})" if times[mutant.name] > 1 else ""
        numbered.append(replace(mutant, name=mutant.name + number))
    return numbered


def _rows(connection: Connection, query: str) -> list[Any]:
    return list(connection.exec_driver_sql(query, execution_options={"no_parameters": True}).all())


def _row_security(connection: Connection) -> Iterator[Mutant]:
    query = _RELATIONS + " and c.relrowsecurity order by 2"
    for _, table in _rows(connection, query):
        yield Mutant(
            f"table {table}: without row-level security",
            f"alter table {table} disable row level security",
        )


def _policies(connection: Connection) -> Iterator[Mutant]:
    query = f"""
      select format('%I on %s', p.polname, t.name) as name, p.polpermissive,
        format('create policy %I on %s as permissive for %s to %s', p.polname, t.name,
          case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
            when 'd' then 'delete' else 'all' end,
          (select string_agg(case r when 0 then 'public' else r::regrole::text end, ', ')
          from unnest(p.polroles) r)) as permissive,
        pg_get_expr(p.polqual, p.polrelid) as using,
        pg_get_expr(p.polwithcheck, p.polrelid) as check,
        quote_nullable(obj_description(p.oid, 'pg_policy')) as comment
      from pg_policy p join ({_RELATIONS}) t on t.oid = p.polrelid order by 1"""
    for policy in _rows(connection, query):
        name = f"policy {policy.name}"
        drop = f"drop policy {policy.name}"
        alter = f"alter policy {policy.name}"
        yield Mutant(f"{name}: dropped", drop)
        if policy.polpermissive:
            yield Mutant(f"{name}: for everybody", f"{alter} to public")
        else:
            yield Mutant(f"{name}: for authenticated alone", f"{alter} to authenticated")
            conditions = f" using ({policy.using})" if policy.using else ""
            conditions += f" with check ({policy.check})" if policy.check else ""
            comment = f"comment on {name} is {policy.comment}"
            yield Mutant(
                f"{name}: permissive", f"{drop}; {policy.permissive}{conditions}; {comment}"
            )
        for clause, condition in (("using", policy.using), ("with check", policy.check)):
            if condition:
                yield Mutant(f"{name}: {clause} (true)", f"{alter} {clause} (true)")
                for change in of_expression(condition):
                    yield Mutant(
                        f"{name}: {clause} {change.what}", f"{alter} {clause} ({change.text})"
                    )


def _triggers(connection: Connection) -> Iterator[Mutant]:
    query = f"""
      select format('%I on %s', g.tgname, t.name) as name, pg_get_triggerdef(g.oid) as definition
      from pg_trigger g join ({_RELATIONS}) t on t.oid = g.tgrelid
      where not g.tgisinternal order by 1"""
    for trigger in _rows(connection, query):
        yield Mutant(f"trigger {trigger.name}: dropped", f"drop trigger {trigger.name}")
        for change in of_trigger(trigger.definition):
            yield Mutant(f"trigger {trigger.name}: {change.what}", change.text)


def _foreign_keys(connection: Connection) -> Iterator[Mutant]:
    query = f"""
      select t.name, quote_ident(k.conname) as key
      from pg_constraint k join ({_RELATIONS}) t on t.oid = k.conrelid
      where k.contype = 'f' order by 1, 2"""
    for table, key in _rows(connection, query):
        yield Mutant(
            f"foreign key {key} on {table}: dropped", f"alter table {table} drop constraint {key}"
        )


def _table_privileges(connection: Connection) -> Iterator[Mutant]:
    query = f"""
      select t.name, roles.role, wanted.privilege
      from ({_RELATIONS}) t, {_ROLES}, (
        select distinct privilege_type from pg_class c,
          aclexplode(acldefault('r', c.relowner))
        where c.oid = 'public.documents'::regclass
      ) wanted (privilege)
      where not exists (
        select from pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
        where c.oid = t.oid and a.privilege_type = wanted.privilege
          and a.grantee = coalesce(to_regrole(nullif(roles.role, 'public')), 0)
      ) order by 1, 2, 3"""
    for table, role, privilege in _rows(connection, query):
        yield Mutant(
            f"table {table}: {privilege} for {role}", f"grant {privilege} on {table} to {role}"
        )


def _schema_privileges(connection: Connection) -> Iterator[Mutant]:
    query = f"""
      select n.nspname, roles.role, wanted.privilege
      from pg_namespace n, {_ROLES}, (values ('USAGE'), ('CREATE')) wanted (privilege)
      where n.nspname in ('public', 'mivaa') and not exists (
        select from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
        where a.privilege_type = wanted.privilege
          and a.grantee in (0, to_regrole(nullif(roles.role, 'public')))
      ) order by 1, 2, 3"""
    for schema, role, privilege in _rows(connection, query):
        yield Mutant(
            f"schema {schema}: {privilege} for {role}",
            f"grant {privilege} on schema {schema} to {role}",
        )


def _function_privileges(connection: Connection) -> Iterator[Mutant]:
    query = f"""
      select f.name, roles.role from ({_FUNCTIONS}) f, {_ROLES}
      where not exists (
        select from aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
        where a.grantee = coalesce(to_regrole(nullif(roles.role, 'public')), 0)
      ) order by 1, 2"""
    for function, role in _rows(connection, query):
        yield Mutant(
            f"function {function}: EXECUTE for {role}",
            f"grant execute on function {function} to {role}",
        )


def _function_properties(connection: Connection) -> Iterator[Mutant]:
    for function in _rows(connection, _FUNCTIONS + " order by name"):
        rights = "invoker" if function.prosecdef else "definer"
        yield Mutant(
            f"function {function.name}: security {rights}",
            f"alter function {function.name} security {rights}",
        )
        if any(setting.startswith("search_path=") for setting in function.proconfig or ()):
            yield Mutant(
                f"function {function.name}: without search_path",
                f"alter function {function.name} reset search_path",
            )


def _function_bodies(connection: Connection) -> Iterator[Mutant]:
    query = f"select f.*, pg_get_functiondef(f.oid) as definition from ({_FUNCTIONS}) f order by 9"
    for function in _rows(connection, query):
        if function.lanname != "plpgsql":
            continue
        for change in of_function(function.definition, function.prosrc):
            if change.asks or function.proname not in NOT_ABOUT_ACCESS:
                yield Mutant(
                    f"function {function.name}: {change.what}", change.text, function.proname
                )
