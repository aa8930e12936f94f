"""Tables: created or adopted, closed to API roles, their comments and storage parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.schema import Column

from mivaa_schema.operations.batch import Operation, SchemaObject, lock
from mivaa_schema.operations.columns import adding, column, commenting, undoing
from mivaa_schema.operations.sql import (
    API_ROLES,
    EVERY_API_GRANTEE,
    block,
    forget,
    literal,
    qualified,
    quote,
    record,
    recorded,
    regclass,
    revoking_from_roles,
    row,
    text_array,
    undo,
    when,
)


def adopt_table(
    name: str, *columns: Column[Any] | SchemaObject, comment: str, keys: Iterable[str] = ()
) -> Operation:
    """Create a table, or add to an existing one the columns that it lacks.

    A created table is born closed: row-level security on, nothing granted to the API roles. On an
    existing table nothing but the missing columns is touched; each is nullable or has a constant
    default, so that no row is rewritten.

    Args:
        name: Qualified name, ``public.documents``.
        columns: All columns, the primary key among them. Foreign keys, checks and indexes are
            added by operations of their own.
        comment: What the table holds.
        keys: Columns of the primary key in its order, where it is not that of the columns.
    """
    described = [column(name, c) if isinstance(c, Column) else c for c in columns]
    primary = list(keys) or [c["name"] for c in described if c.get("primary_key")]
    described = [
        {**c, "primary_key": True, "nullable": False} if c["name"] in primary else c
        for c in described
    ]
    target, key = qualified(name), quote(f"{name.partition('.')[2]}_pkey")
    lines = [c["definition"] + ("" if c["nullable"] else " NOT NULL") for c in described]
    if primary:
        lines.append(f"constraint {key} primary key ({', '.join(map(quote, primary))})")
    create = [
        f"create table {target} (\n  " + ",\n  ".join(lines) + "\n);",
        f"comment on table {target} is {literal(comment)};",
        *map(commenting, described),
        f"alter table {target} enable row level security;",
        f"revoke all on {target} from {EVERY_API_GRANTEE};",
        revoking_from_roles("table", [name]),
        record("table", name),
    ]
    add = [adding(c) for c in described if not c.get("primary_key")]
    body = when(f"to_regclass({literal(target)}) is null", "\n".join(create), "\n".join(add))
    table: SchemaObject = {"kind": "table", "name": name, "comment": comment}
    table |= {"primary_key": primary} if primary else {}
    return Operation((block(body),), (table, *described))


def release_table(name: str, *columns: SchemaObject) -> Operation:
    """Drop a table that the chain created, else the columns that :func:`adopt_table` added."""
    drop = f"drop table {qualified(name)};\n" + forget("table", name)
    body = when(recorded("table", name), drop, undoing(reversed(columns)))
    return Operation((block(body),), drops=({"kind": "table", "name": name}, *columns))


def lock_incomplete_tables(columns: Mapping[str, Iterable[str]]) -> str:
    """Lock those tables, all at once, to which columns are going to be added.

    Args:
        columns: Names of the columns that a table is to have, by its qualified name; a table that
            is not there is passed over.
    """
    wanted = ",\n".join(
        f"    ({literal(qualified(table))}, {text_array(names)})"
        for table, names in columns.items()
    )
    return f"""\
select mivaa.lock_tables('access exclusive', variadic array(
  select w.name from (values
{wanted}
  ) w (name, columns)
  where exists (
    select from unnest(w.columns) c where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = to_regclass(w.name) and a.attname = c and not a.attisdropped
    )
  )
))"""


def comment_on_table(name: str, comment: str, keys: Sequence[str] = ()) -> Operation:
    """Say what a table holds; ``keys`` are the columns of its primary key."""
    table: SchemaObject = {"kind": "table", "name": name, "comment": comment}
    if keys:
        table["primary_key"] = list(keys)
    return Operation((f"comment on table {qualified(name)} is {literal(comment)}",), (table,))


def close_table(table: str) -> Operation:
    """Take every privilege from PUBLIC and the API roles, and switch row-level security on.

    The former state is remembered. Column privileges go with those of the table. What another role
    than the owner has granted cannot be revoked by us; then the step is refused rather than left
    half closed.
    """
    return Operation((block(closing(table)), block(enabling_row_security(table))))


def reopen_table(table: str) -> Operation:
    """Give a table the privileges and the row-level security that it had."""
    off = f"alter table {qualified(table)} disable row level security;"
    return Operation((block(undo("row_security", table, off)), _restore_grants(table)))


def enabling_row_security(table: str) -> str:
    """Switch row-level security on, for a block, and remember whether it was off."""
    off = f"(select not relrowsecurity from pg_catalog.pg_class where oid = {regclass(table)})"
    enable = f"alter table {qualified(table)} enable row level security;\n" + record(
        "row_security", table, "'off'"
    )
    return when(off, enable)


def closing(table: str) -> str:
    """Take every privilege from PUBLIC and the API roles, for a block.

    Other roles lose those that no policy binds: with TRUNCATE they empty the table, and a trigger
    of theirs runs as whoever writes. One that is there already, from before or since the checks of
    the upgrade, is refused.
    """
    former = (
        "(select jsonb_build_object('relation', relacl::text, 'columns',"
        " (select jsonb_object_agg(attname, attacl::text) from pg_catalog.pg_attribute"
        f" where attrelid = {regclass(table)} and attacl is not null))::text"
        f" from pg_catalog.pg_class where oid = {regclass(table)})"
    )
    left = (
        "exists (select from pg_catalog.pg_class c, aclexplode(c.relacl) a"
        f" where c.oid = {regclass(table)} and a.grantee <> c.relowner"
        " and (a.grantee = 0 or pg_get_userbyid(a.grantee)"
        f" in ({', '.join(map(literal, API_ROLES))})))"
    )
    message = f"API roles keep privileges on {table} that its owner did not grant"
    refuse = f"""\
raise exception '%', {literal(message)}
  using errcode = 'insufficient_privilege',
        hint = 'Revoke them as the role that granted them, then start again.';"""
    revoke = f"revoke all on {qualified(table)} from {EVERY_API_GRANTEE};"
    unbound = f"""\
declare v_grant record;
begin
  for v_grant in
    select quote_ident(r.rolname) as grantee,
      string_agg(distinct a.privilege_type, ', ') as privileges
    from pg_catalog.pg_class c cross join lateral aclexplode(c.relacl) a
    join pg_catalog.pg_roles r on r.oid = a.grantee
    where c.oid = {regclass(table)} and a.grantee <> c.relowner
      and a.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN')
    group by r.rolname
  loop
    execute format('revoke %s on %s from %s', v_grant.privileges, {regclass(table)},
      v_grant.grantee);
  end loop;
end;"""
    foreign = f"""\
exists (select from pg_catalog.pg_trigger g join pg_catalog.pg_proc f on f.oid = g.tgfoid
  join pg_catalog.pg_class c on c.oid = g.tgrelid
  join pg_catalog.pg_roles r on r.oid = f.proowner
  where g.tgrelid = {regclass(table)} and not g.tgisinternal and not r.rolsuper
    and not pg_has_role(r.oid, c.relowner, 'member'))"""
    message = f"a trigger on {table} executes a function of another role than its owner"
    refuse_trigger = f"""\
raise exception '%', {literal(message)}
  using errcode = 'insufficient_privilege',
        hint = 'It would run as whoever writes there. Drop it, then start again.';"""
    return "\n".join(
        (
            record("acl", table, former),
            revoke,
            when(left, refuse),
            unbound,
            when(foreign, refuse_trigger),
        )
    )


def _restore_grants(table: str) -> str:
    """Give a table the privileges that it had, granted in the order that they had.

    The order of an access control list shows in a dump, and a privilege is appended when it is
    granted; so everything is revoked first, the owner's own entry too.
    """
    grantee = "case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end"
    body = f"""\
delete from mivaa.ledger where {row("acl", table)} returning former::jsonb into v_former;
if found and v_table is not null then
  for v_grant in
    select {grantee} as grantee from (
      select 0 as grantee
      union select grantee from (
        select relacl as acl from pg_catalog.pg_class where oid = v_table
        union all select attacl from pg_catalog.pg_attribute where attrelid = v_table
      ) s, aclexplode(acl)
    ) g
  loop
    execute format('revoke all on %s from %s', v_table, v_grant.grantee);
  end loop;
  for v_grant in
    select {grantee} as grantee, string_agg(
        privilege_type || coalesce(' (' || quote_ident(attname) || ')', ''), ', ') as privileges,
      case when is_grantable then ' with grant option' else '' end as options
    from (
      select null as attname, coalesce((v_former ->> 'relation')::aclitem[],
        (select acldefault('r', relowner) from pg_catalog.pg_class where oid = v_table)) as acl
      union all select key, value::aclitem[]
      from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{{}}'))
    ) s, unnest(acl) with ordinality i (entry, position), aclexplode(array[entry]) e
    group by attname, position, e.grantee, is_grantable
    order by attname nulls first, position, is_grantable
  loop
    execute format('grant %s on %s to %s%s', v_grant.privileges, v_table, v_grant.grantee,
      v_grant.options);
  end loop;
end if;"""
    declare = f"v_table constant regclass := to_regclass({literal(qualified(table))});"
    return block(body, declare=f"{declare}\nv_former jsonb;\nv_grant record;")


def option(name: str, table: str, value: str) -> SchemaObject:
    """A storage parameter of a table, such as ``fillfactor``."""
    return {"kind": "option", "table": table, "name": name, "value": value}


def set_option(target: SchemaObject) -> Operation:
    """Set a storage parameter of a table unless somebody has set it, and remember that."""
    table, name = target["table"], target["name"]
    is_set = (
        "exists (select from pg_catalog.pg_class c,"
        " pg_catalog.pg_options_to_table(c.reloptions) o"
        f" where c.oid = {regclass(table)} and o.option_name = {literal(name)})"
    )
    change = f"""\
perform {lock(table, mode="share update exclusive")};
alter table {qualified(table)} set ({name} = {target["value"]});
{record("option", f"{table}.{name}")}"""
    return Operation((block(when(f"not {is_set}", change)),), (target,))


def reset_option(target: SchemaObject) -> Operation:
    """Reset a storage parameter if the chain set it."""
    table, name = target["table"], target["name"]
    reset = f"alter table {qualified(table)} reset ({name});"
    return Operation((block(undo("option", f"{table}.{name}", reset)),), drops=(target,))
