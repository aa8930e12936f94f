"""What a schema consists of: read from the catalogs of a database, or as recorded by revisions."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from mivaa_schema import history

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy.engine import Connection

Properties = dict[str, str | None]

RECORDED = "catalog.json"


class CatalogObject(NamedTuple):
    """One object of a schema.

    Attributes:
        kind: schema, table, column, constraint, index, trigger, policy or function.
        name: Qualified name of a schema, table, index or function (with its identity arguments);
            bare name of what lies on a table.
        table: Qualified name of the table that it lies on; empty for the others.
    """

    kind: str
    name: str
    table: str = ""

    def __str__(self) -> str:
        if self.kind in ("constraint", "trigger", "policy"):
            return f"{self.kind} {self.name} on {self.table}"
        if self.kind == "column":
            return f"column {self.table}.{self.name}"
        return f"{self.kind} {self.name}"


Snapshot = dict[CatalogObject, Properties]


def snapshot(connection: Connection) -> Snapshot:
    """Read every object in ``public`` and ``mivaa``, but for what belongs to an extension.

    Only SELECTs on catalogs. Every name is qualified, whatever the search path and the rights of
    the session; those of the vector extension alone are bare, wherever it is installed. The owner
    is called ``owner``; Alembic's own table is left out. Objects of a kind come in the order in
    which they were made; that order is no part of what is compared.
    """
    former = connection.exec_driver_sql("show search_path").scalar_one()
    connection.exec_driver_sql(_SET_PATH, ("",))
    found: Snapshot = {}
    for kind, query in _QUERIES.items():
        rows = connection.exec_driver_sql(query, execution_options={"no_parameters": True})
        for row in rows.mappings():
            properties = {name: bare_vector(text) for name, text in row.items()}
            item = CatalogObject(
                kind, str(properties.pop("name")), properties.pop("on_table", "") or ""
            )
            found[item] = properties
    connection.exec_driver_sql(_SET_PATH, (former,))
    return found


def recorded(revision: str) -> Snapshot:
    """The catalog of a database at a revision, as the revisions up to it have recorded it.

    Args:
        revision: Number of the revision, such as ``0006``.
    """
    found: Snapshot = {}
    for number, folder in history.folders().items():
        if number <= revision and (folder / RECORDED).exists():
            changes = json.loads((folder / RECORDED).read_text(encoding="utf-8"))
            for removed in changes["removed"]:
                found.pop(CatalogObject(**removed), None)
            for changed in changes["changed"]:
                properties = changed.pop("properties")
                found[CatalogObject(**changed)] = properties
    return found


def unrecorded(revision: str) -> str:
    """What the revisions up to one say they create and drop that have no recorded catalog yet.

    Such a revision was drafted, and its catalog is not recorded before ``mivaa-schema freeze``.
    """
    return "".join(
        json.dumps(history.manifest(folder))
        for number, folder in history.folders().items()
        if number <= revision and not (folder / RECORDED).exists()
    )


def write_changes(folder: Path, before: Snapshot, after: Snapshot) -> bool:
    """Record in the folder of a revision what it changes; whether the file is another now.

    Args:
        folder: The revision's folder of frozen files.
        before: The catalog before the revision.
        after: The catalog after it.
    """
    changed = [
        json.dumps({**item._asdict(), "properties": properties}, ensure_ascii=False)
        for item, properties in after.items()
        if before.get(item) != properties
    ]
    removed = [json.dumps(item._asdict()) for item in before if item not in after]
    lists = (
        f'  "{name}": [' + ",".join(f"\n    {line}" for line in lines) + ("\n  ]" if lines else "]")
        for name, lines in (("changed", changed), ("removed", removed))
    )
    text = "{\n" + ",\n".join(lists) + "\n}\n"
    path = folder / RECORDED
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def differences(
    first: Mapping[CatalogObject, Properties], second: Mapping[CatalogObject, Properties]
) -> list[str]:
    """What the second schema has otherwise than the first: an object and a fact a line."""
    lines = []
    for item in sorted({*first, *second}):
        if item not in second:
            lines.append(f"{item}: only in the first")
        elif item not in first:
            lines.append(f"{item}: only in the second")
        else:
            lines += [
                f"{item}: {fact} is {value!r} in the first, {second[item][fact]!r} in the second"
                for fact, value in first[item].items()
                if value != second[item][fact]
            ]
    return lines


_SET_PATH = "select set_config('search_path', %s, true)"

_VECTOR_NAME = re.compile(
    r"\b(?:extensions|public)\.(?=(?:vector|halfvec|sparsevec)(?:_\w+_ops)?\b)"
)


def bare_vector(text: str | None) -> str | None:
    """Take the schema from names of the vector extension, but leave the body of a function."""
    if text is None or "vec" not in text:
        return text
    head, body, rest = text.partition("\nAS $function")
    return _VECTOR_NAME.sub("", head) + body + rest


def _acl(acl: str, kind: str, owner: str) -> str:
    """The privileges in a list, as ``grantee=PRIVILEGE``; the defaults written out.

    In the order in which the grantees have come, which a dump shows. MAINTAIN, which the owner has
    from PostgreSQL 17 on, is left out.
    """
    return f"""(
    select string_agg(case e.grantee when 0 then 'public' when {owner} then 'owner'
      else e.grantee::regrole::text end || '=' || e.privilege_type
      || case when e.is_grantable then '*' else '' end, ', ' order by i.place, e.privilege_type)
    from unnest(coalesce({acl}, acldefault('{kind}', {owner}))) with ordinality i (item, place),
      aclexplode(array[i.item]) e
    where e.privilege_type <> 'MAINTAIN' or e.grantee <> {owner})"""


def _not_of_extension(oid: str, catalog: str) -> str:
    return (
        "not exists (select from pg_depend e where e.deptype = 'e'"
        f" and e.classid = 'pg_catalog.{catalog}'::regclass and e.objid = {oid})"
    )


_TABLE = "format('%I.%I', n.nspname, c.relname)"
_TABLES = f"""
pg_class c join pg_namespace n on n.oid = c.relnamespace
  and n.nspname in ('public', 'mivaa') and c.relkind in ('r', 'p')
  and (n.nspname, c.relname) <> ('mivaa', 'alembic_version')
  and {_not_of_extension("c.oid", "pg_class")}"""

_QUERIES = {
    "schema": f"""
select quote_ident(n.nspname) as name, {_acl("n.nspacl", "n", "n.nspowner")} as acl,
  obj_description(n.oid, 'pg_namespace') as comment
from pg_namespace n where n.nspname = 'mivaa'""",
    "table": f"""
select {_TABLE} as name,
  case when c.relrowsecurity then 'on' else 'off' end as row_security,
  case when c.relforcerowsecurity then 'on' else 'off' end as force_row_security,
  (select string_agg(o, ', ' order by o) from unnest(c.reloptions) o) as options,
  {_acl("c.relacl", "r", "c.relowner")} as acl,
  obj_description(c.oid, 'pg_class') as comment
from {_TABLES}
order by c.oid""",
    "column": f"""
select quote_ident(a.attname) as name, {_TABLE} as on_table,
  format_type(a.atttypid, a.atttypmod) as type,
  case when a.attnotnull then 'not null' else 'null' end as nullable,
  pg_get_expr(d.adbin, d.adrelid) as "default",
  nullif(a.attgenerated::text, '') as generated,
  nullif(a.attidentity::text, '') as identity,
  case a.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main'
    else 'extended' end as storage,
  {_acl("a.attacl", "c", "c.relowner")} as acl,
  col_description(c.oid, a.attnum) as comment
from {_TABLES}
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
order by c.oid, a.attnum""",
    "constraint": f"""
select quote_ident(k.conname) as name, {_TABLE} as on_table, k.contype::text as type,
  regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '') as definition,
  case when k.convalidated then 'yes' else 'no' end as validated
from {_TABLES}
join pg_constraint k on k.conrelid = c.oid and k.contype in ('p', 'u', 'f', 'c', 'x')
order by k.oid""",
    "index": f"""
select format('%I.%I', n.nspname, i.relname) as name, {_TABLE} as on_table,
  pg_get_indexdef(i.oid) as definition,
  case when x.indisvalid then 'yes' else 'no' end as valid
from {_TABLES}
join pg_index x on x.indrelid = c.oid join pg_class i on i.oid = x.indexrelid
where not exists (select from pg_constraint k
  where k.conindid = i.oid and k.contype in ('p', 'u', 'x'))
order by i.oid""",
    "trigger": f"""
select quote_ident(t.tgname) as name, {_TABLE} as on_table,
  pg_get_triggerdef(t.oid) as definition,
  case t.tgenabled when 'O' then 'yes' when 'D' then 'no' when 'R' then 'replica'
    else 'always' end as enabled,
  obj_description(t.oid, 'pg_trigger') as comment
from {_TABLES} join pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
order by t.oid""",
    "policy": f"""
select quote_ident(p.polname) as name, {_TABLE} as on_table,
  case when p.polpermissive then 'permissive' else 'restrictive' end as kind,
  case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
    when 'd' then 'delete' else 'all' end as command,
  (select string_agg(case r when 0 then 'public' else r::regrole::text end, ', ' order by r)
   from unnest(p.polroles) r) as roles,
  pg_get_expr(p.polqual, c.oid) as "using",
  pg_get_expr(p.polwithcheck, c.oid) as "check",
  obj_description(p.oid, 'pg_policy') as comment
from {_TABLES} join pg_policy p on p.polrelid = c.oid
order by p.oid""",
    "function": f"""
select format('%I.%I(%s)', n.nspname, f.proname, pg_get_function_identity_arguments(f.oid))
    as name,
  format('(%s) returns %s', pg_get_function_arguments(f.oid), pg_get_function_result(f.oid))
    as signature,
  oidvectortypes(f.proargtypes) as types,
  pg_get_functiondef(f.oid) as definition,
  {_acl("f.proacl", "f", "f.proowner")} as acl,
  obj_description(f.oid, 'pg_proc') as comment
from pg_proc f join pg_namespace n on n.oid = f.pronamespace
where n.nspname in ('public', 'mivaa') and f.prokind in ('f', 'p')
  and {_not_of_extension("f.oid", "pg_proc")}
order by f.oid""",
}
